"""A page that is open while things happen: workers die, connections break, many tasks run."""

from __future__ import annotations

import signal
import statistics
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from gdistributed import Client
from tests.dashboard.browser import Visitor, aside, running_browser
from tests.dashboard.conftest import Start, link_of
from tests.processes import Cluster, address_of, running_cluster

TASKS = 10_000
# Pages are drawn without a graphics card, by a machine that runs other tests: what is held against
# them is only that they do not stand still.
FRAME_MS_MEDIAN = 250
FRAME_MS_MAX = 3000

RECORD_FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const next = (now) => {
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""


def increment(number: int) -> int:
    return number + 1


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def test_ten_thousand_tasks_do_not_slow_the_page(
    browser: Browser, cluster: Cluster, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    visitor = Visitor(browser, link)
    page = visitor.open()
    page.evaluate(RECORD_FRAMES)
    client = aside(Client, cluster.address)
    futures = client.map(increment, range(TASKS))
    aside(client.gather, futures)
    visitor.sees("tile-tasks-value", "10k")
    row = page.locator("[data-test=progress-row][data-prefix=increment]")
    expect(row.get_by_test_id("progress-done")).to_have_text("10k")
    page.get_by_test_id("nav-tasks").click()
    expect(page.get_by_test_id("tasks-table-row").first).to_be_visible()
    page.get_by_test_id("nav-overview").click()
    frames = page.evaluate("window.frames_")
    aside(client.close)
    visitor.close()
    assert visitor.complaints == []
    worst = max(frames)
    with capsys.disabled():
        quantile = statistics.quantiles(frames, n=100)
        print(f"\n{len(frames)} frames: median {statistics.median(frames):.1f} ms,"
              f" 95 % {quantile[94]:.1f} ms, worst {worst:.1f} ms")  # fmt: skip
    assert statistics.median(frames) < FRAME_MS_MEDIAN
    assert worst < FRAME_MS_MAX


def test_a_killed_worker_disappears(browser: Browser) -> None:
    with running_cluster(2) as cluster:
        visitor = Visitor(browser, link_of(cluster.scheduler))
        page = visitor.open("#/workers")
        expect(page.get_by_test_id("workers-table-row")).to_have_count(2)
        cluster.workers[1].send_signal(signal.SIGKILL)
        expect(page.get_by_test_id("workers-table-row")).to_have_count(1)
        expect(page.get_by_test_id("workers-table-row")).to_have_attribute("data-key", "ada")
        page.get_by_test_id("nav-overview").click()
        visitor.sees("tile-workers-value", "1")
        visitor.close()


def test_a_connection_that_breaks_comes_back(browser: Browser, cluster: Cluster, gd: Start) -> None:
    dashboard = gd("dashboard", cluster.address, "--dashboard-address", ":0")
    link = link_of(dashboard)
    visitor = Visitor(browser, link)
    page = visitor.open()
    connection = page.get_by_test_id("connection")
    dashboard.close()
    expect(connection).to_have_attribute("data-state", "lost")
    expect(page.get_by_test_id("banner")).to_contain_text("lost")
    visitor.sees("tile-workers-value", "2")  # what was there stays
    gd("dashboard", cluster.address, "--dashboard-address", link.split("/")[2])
    visitor.is_live()
    expect(page.get_by_test_id("banner")).to_have_count(0)
    visitor.close()


def test_a_scheduler_that_is_gone_is_said(browser: Browser, gd: Start) -> None:
    scheduler = gd("scheduler", "--port", "0", "--no-dashboard")
    address = address_of(scheduler)
    visitor = Visitor(browser, link_of(gd("dashboard", address)))
    page = visitor.open()
    scheduler.close()
    connection = page.get_by_test_id("connection")
    expect(connection).to_have_attribute("data-state", "trouble")
    expect(page.get_by_test_id("banner")).to_contain_text("does not answer")
    gd("scheduler", "--port", address.partition(":")[2], "--no-dashboard")
    visitor.is_live()
    visitor.close()


def dropped(page: Page, pattern: str, times: int) -> list[str]:
    """Have the browser drop so many requests, as when its machine gets another address."""
    dropped: list[str] = []

    def drop(route: Route) -> None:
        if len(dropped) < times:
            dropped.append(route.request.url)
            route.abort("internetdisconnected")
        else:
            route.fallback()

    page.route(pattern, drop)
    return dropped


@pytest.mark.parametrize("part", ["pages/workers.js", "parts/lanes.js", "app.js", "style.css"])
def test_a_part_that_does_not_arrive_is_asked_for_again(
    browser: Browser, link: str, part: str
) -> None:
    visitor = Visitor(browser, link)
    page = visitor.page
    lost = dropped(page, f"**/{part}", times=2)
    with page.expect_response(f"**/{part}"):
        page.goto(f"{link}#/workers")
    assert len(lost) == 2
    visitor.is_live()
    expect(page.get_by_test_id("workers-table-row")).to_have_count(2)
    expect(page.get_by_test_id("connection")).to_have_css("display", "flex")
    visitor.close()


def test_a_page_that_never_arrives_whole_says_so(browser: Browser, link: str) -> None:
    visitor = Visitor(browser, link)
    lost = dropped(visitor.page, "**/app.js", times=100)
    visitor.page.goto(link)
    expect(visitor.page.get_by_text("It did not arrive whole")).to_be_visible()
    assert len(lost) == 5
    visitor.close()
