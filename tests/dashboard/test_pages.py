"""Each page, in a real browser, shows the right numbers for a computation that is known."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, expect

from gdistributed import Client, Event, Future, wait
from tests.dashboard.browser import PAGES, TELEPHONE, Visitor, aside, running_browser
from tests.dashboard.conftest import link_of
from tests.processes import Cluster
from tests.waiting import until

SQUARES = 20


def square(number: int) -> int:
    return number * number


def divide(number: int, by: int) -> float:
    print("dividing", number, "by", by)
    return number / by


def wait_for_gate(name: str) -> str:
    Event(name).wait()
    return name


class Computation:
    """Twenty squares and their sum, one failure, and one task that needs it."""

    def __init__(self, client: Client) -> None:
        self.squares = client.map(square, range(SQUARES), key="square")
        self.total: Future[int] = client.submit(sum, self.squares, key="total")
        self.failed = client.submit(divide, 1, 0, key="divide-'1/0'")
        self.needs_it = client.submit(square, self.failed)
        aside(wait, [self.total, self.failed, self.needs_it])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def computing(cluster: Cluster) -> Iterator[Client]:
    client = aside(Client, cluster.address, name="alice")
    yield client
    aside(client.close)


@pytest.fixture(scope="module")
def computed(computing: Client) -> Computation:
    return Computation(computing)


@pytest.fixture
def visitor(browser: Browser, link: str, computed: Computation) -> Iterator[Visitor]:
    visitor = Visitor(browser, link)
    yield visitor
    visitor.close()
    assert visitor.complaints == []


def rows(visitor: Visitor, test_id: str) -> Locator:
    return visitor.page.get_by_test_id(test_id)


def test_the_overview(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.sees("tile-workers-value", "2")
    visitor.sees("tile-tasks-value", str(SQUARES + 3))
    visitor.sees("tile-erred-value", "2")
    expect(page.get_by_test_id("state-memory")).to_have_attribute("data-count", str(SQUARES + 1))
    square_row = page.locator("[data-test=progress-row][data-prefix=square]")
    expect(square_row.get_by_test_id("progress-done")).to_have_text(str(SQUARES))
    expect(square_row.get_by_test_id("progress-erred")).to_contain_text("1")
    workers = rows(visitor, "overview-worker-row")
    expect(workers).to_have_count(2)
    assert sorted(row.get_attribute("data-worker") or "" for row in workers.all()) == ["ada", "bob"]
    expect(page.get_by_test_id("task-stream")).to_be_visible()


def test_the_task_stream_shows_what_ran(visitor: Visitor, computing: Client) -> None:
    page = visitor.open()
    page.get_by_test_id("stream-window-30s").click()
    futures = [computing.submit(time.sleep, 0.03 + n / 1e6, pure=False) for n in range(10)]
    aside(wait, futures)
    stream = page.get_by_test_id("stream-canvas")
    until(lambda: int(stream.get_attribute("data-runs") or 0) >= 10, "ten runs in view")


def test_workers_sort(visitor: Visitor) -> None:
    page = visitor.open("#/workers")
    table = rows(visitor, "workers-table-row")
    expect(table).to_have_count(2)
    for first in ("ada", "bob"):
        page.get_by_test_id("sort-name").click()
        expect(table.first).to_have_attribute("data-key", first)
    ada = page.locator("[data-test=workers-table-row][data-key=ada]")
    expect(ada.locator("[data-column=threads]")).to_have_text("1")
    expect(ada.locator("[data-column=status]")).to_have_text("running", ignore_case=True)


def test_one_worker_and_what_it_runs(visitor: Visitor, computing: Client) -> None:
    page = visitor.open("#/workers")
    gate = aside(Event, "pages", client=computing)
    waiting = computing.submit(wait_for_gate, "pages", key="waits-for-gate", workers=["bob"])
    page.get_by_role("link", name="bob").click()
    visitor.sees("worker-name", "Worker bob")
    running = page.locator("[data-test=running-task][data-key=waits-for-gate]")
    expect(running.get_by_test_id("call-stack")).to_contain_text("wait_for_gate")
    expect(page.get_by_test_id("worker-log")).to_contain_text("registered")
    expect(page.get_by_test_id("worker-facts")).to_contain_text("gdistributed")
    aside(gate.set)
    aside(wait, waiting)
    expect(running).to_have_count(0)


def test_a_failed_task_is_found_in_three_clicks(visitor: Visitor, computed: Computation) -> None:
    page = visitor.open()
    clicks = 0
    for link in (
        page.get_by_test_id("tile-erred"),
        page.get_by_role("link", name="divide-'1/0'"),
    ):
        link.click()
        clicks += 1
    assert clicks <= 3
    expect(page.get_by_test_id("error-type")).to_contain_text("ZeroDivisionError")
    expect(page.get_by_test_id("traceback")).to_contain_text("in divide")
    expect(page.get_by_test_id("traceback")).to_contain_text("return number / by")
    expect(page.get_by_test_id("task-state")).to_have_attribute("data-state", "erred")
    expect(page.get_by_test_id("story-line").first).to_be_visible()
    expect(page.get_by_test_id("task-output")).to_contain_text("dividing 1 by 0")
    page.get_by_test_id("task-dependents").get_by_test_id("dependency-link").click()
    expect(page.get_by_test_id("task-key")).to_contain_text(computed.needs_it.key)
    expect(page.get_by_test_id("error-origin")).to_contain_text("divide-'1/0'")


def test_tasks_are_searched(visitor: Visitor, computed: Computation) -> None:
    page = visitor.open("#/tasks")
    found = rows(visitor, "tasks-table-row")
    page.get_by_test_id("task-search").fill("total")
    expect(found).to_have_count(1)
    page.get_by_test_id("task-link").click()
    expect(page.get_by_test_id("task-state")).to_have_attribute("data-state", "memory")
    expect(page.get_by_test_id("task-dependencies")).to_contain_text("square")
    page.go_back()
    page.get_by_test_id("task-search").fill("")
    page.get_by_test_id("task-prefix").select_option("square")
    expect(found).to_have_count(SQUARES + 1)
    page.get_by_test_id("task-state-erred").click()
    expect(found).to_have_count(1)
    expect(found).to_have_attribute("data-key", computed.needs_it.key)


def test_the_graph(visitor: Visitor, computed: Computation) -> None:
    page = visitor.open("#/graph?key=total")
    drawing = page.get_by_test_id("graph-svg")
    expect(drawing).to_have_attribute("data-nodes", str(SQUARES + 1))
    expect(drawing).to_have_attribute("data-edges", str(SQUARES))
    page.get_by_test_id("graph-detail-prefixes").click()
    expect(drawing).to_have_attribute("data-nodes", "2")
    expect(drawing).to_have_attribute("data-edges", "1")
    names = [node.get_attribute("data-name") for node in page.get_by_test_id("graph-node").all()]
    assert sorted(map(str, names)) == ["square", "total"]


def test_clients_and_logs(visitor: Visitor, computing: Client) -> None:
    page = visitor.open("#/clients")
    alice = page.locator(f"[data-test=clients-table-row][data-key='{computing.id}']")
    expect(alice.locator("[data-column=name]")).to_have_text("alice")
    expect(alice.locator("[data-column=wanted]")).to_have_text(re.compile(r"2\d"))
    page.get_by_test_id("nav-logs").click()
    expect(page.get_by_test_id("log-lines")).to_contain_text("worker joined")
    page.get_by_test_id("log-search").fill("worker=ada")
    expect(page.get_by_test_id("log-line")).to_have_count(1)


@pytest.mark.parametrize("name", PAGES)
def test_a_telephone_shows_each_page(browser: Browser, link: str, computed: Computation, name: str) -> None:  # fmt: skip # noqa: E501
    visitor = Visitor(browser, link, viewport=TELEPHONE)
    page = visitor.open(f"#/{name if name != 'overview' else ''}")
    expect(page.get_by_test_id("page")).to_have_attribute("data-page", name)
    expect(page.locator("main .loading")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"]
    visitor.close()
    assert visitor.complaints == []


def test_the_keyboard_reaches_everything(visitor: Visitor) -> None:
    page = visitor.open()
    page.evaluate("document.activeElement.blur()")
    for name in ("workers", "tasks"):
        tab_to(visitor, f"[data-test=nav-{name}]")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("page")).to_have_attribute("data-page", name)
    tab_to(visitor, "[data-test=task-link]")
    key = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("task-key")).to_contain_text(key)


def tab_to(visitor: Visitor, selector: str, presses: int = 60) -> None:
    """Press Tab until something is reached, and shows that it is."""
    page = visitor.page
    page.locator(selector).first.wait_for()
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"{presses} times Tab did not lead to {selector}")


def test_light_and_dark(browser: Browser, link: str) -> None:
    with ExitStack() as visitors:
        grounds = []
        for scheme in ("light", "dark"):
            visitor = Visitor(browser, link, color_scheme=scheme)
            visitors.callback(visitor.close)
            page = visitor.open()
            grounds.append(brightness(visitor))
            page.get_by_test_id("theme-toggle").click()
            grounds.append(brightness(visitor))
            page.reload()
            visitor.is_live()
            assert brightness(visitor) == grounds[-1]  # it is remembered
    light, toggled_dark, dark, toggled_light = grounds
    assert light == toggled_light > 0.8
    assert dark == toggled_dark < 0.2


def brightness(visitor: Visitor) -> float:
    """How bright the ground of the page is: 0 is black, 1 is white."""
    colour = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3 / 255


def test_a_second_dashboard_shows_the_same(browser: Browser, cluster: Cluster) -> None:
    visitor = Visitor(browser, link_of(cluster.start("dashboard", cluster.address)))
    visitor.open()
    visitor.sees("tile-workers-value", "2")
    visitor.close()
    assert visitor.complaints == []
