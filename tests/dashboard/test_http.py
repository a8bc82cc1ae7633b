"""What the web server of a dashboard answers: pages, the protocol in JSON, health; and to whom."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from gdistributed import Client, wait
from tests.dashboard.asking import JSON, ask, call
from tests.dashboard.conftest import Start, link_of
from tests.processes import address_of
from tests.waiting import until


def fail(number: int) -> int:
    raise ValueError(f"there is no {number}")


@contextmanager
def connection(link: str) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(urllib.parse.urlparse(link).netloc)) as found:
        yield found


def test_the_page_and_its_parts_are_served(link: str) -> None:
    page = ask(link)
    assert page.status == 200
    assert page.headers.get_content_type() == "text/html"
    script = ask(f"{link}vendor/preact.js")
    assert script.headers.get_content_type() == "text/javascript"
    assert script.headers["Cache-Control"] == "no-cache"
    assert ask(f"{link}vendor/preact.js", headers={"If-None-Match": script.headers["ETag"]}).status == 304  # fmt: skip # noqa: E501


@pytest.mark.parametrize("path", ["server.py", "../server.py", "%2e%2e/server.py", "node_modules/"])
def test_nothing_else_is_served(link: str, path: str) -> None:
    with connection(link) as server:
        server.request("GET", f"/{path}")
        assert server.getresponse().status == 404


def test_answers_are_kept_from_other_sites(link: str) -> None:
    for answer in (ask(link), ask(f"{link}health"), ask(f"{link}nothing")):
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8787", "localhost:1", "LOCALHOST", "[::1]:80"])  # fmt: skip # noqa: E501
def test_it_goes_by_the_names_of_this_machine(link: str, host: str) -> None:
    assert ask(f"{link}health", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "10.0.0.1", "", "localhost.evil.example"])  # fmt: skip # noqa: E501
def test_it_goes_by_no_other_name(link: str, host: str) -> None:
    for path in ("", "health", "api/stream"):
        assert ask(f"{link}{path}", headers={"Host": host}).status == 403


def test_calls_are_the_protocol_in_json(link: str, client: Client) -> None:
    futures = client.map(abs, range(-3, 0), key="counted")
    wait(futures)
    summary = call(link, "Scheduler/GetSummary").json
    assert (summary["workers"], summary["nthreads"]) == (2, 2)
    assert summary["dashboard_address"] == urllib.parse.urlparse(link).netloc
    listed = call(link, "Scheduler/ListTasks", prefix="counted", page_size=2).json
    assert len(listed["tasks"]) == 2
    assert listed["next_page_token"] == "2"
    story = call(link, "Scheduler/ExplainTask", key=futures[0].key).json
    assert story["state"] == "TASK_STATE_MEMORY"
    assert story["story"]
    graph = call(link, "Activity/GetGraph", key=futures[0].key).json
    assert [node["name"] for node in graph["nodes"]] == [futures[0].key]
    assert call(link, "Server/Identify").json["role"] == "scheduler"
    assert call(link, "Scheduler/ListClients").json["clients"][0]["wanted"] == "3"


def test_a_failed_task_shows_its_traceback(link: str, client: Client) -> None:
    future = client.submit(fail, 7)
    wait(future)
    answer = call(link, "Scheduler/GetTask", key=future.key)
    assert "there is no 7" in answer.text
    assert "in fail" in answer.text


def test_one_worker_is_asked_itself(link: str, client: Client) -> None:
    (future,) = client.scatter([b"here"], workers=["ada"])
    assert call(link, "Worker/GetStatus", worker="ada").json["name"] == "ada"
    assert call(link, "Worker/GetProfile", worker="ada").status == 200
    held = call(link, "Worker/ListData", worker="ada").json
    assert future.key in [each["key"] for each in held["data"]]
    assert call(link, "Worker/GetCallStack", worker="bob").json == {}
    lines = call(link, "Server/GetLogs", worker="bob").json["lines"]
    assert any("registered" in line["text"] for line in lines)


@pytest.mark.parametrize(
    ("method", "worker", "request_", "status", "reason"),
    [
        ("Scheduler/GetTask", "", {"key": "nobody"}, 404, "UNKNOWN_KEY"),
        ("Scheduler/GetTask", "", {"keys": "x"}, 400, "USAGE_ERROR"),
        ("Scheduler/ListTasks", "", {"page_token": "x"}, 400, "BAD_PAGE_TOKEN"),
        ("Scheduler/Shutdown", "", {}, 501, ""),
        ("Scheduler/CancelTasks", "", {"keys": ["x"]}, 501, ""),
        ("Runner/Run", "", {}, 501, ""),
        ("Worker/Run", "ada", {}, 501, ""),
        ("Worker/GetStatus", "", {}, 501, ""),
        ("Worker/GetStatus", "nobody", {}, 404, "NOT_FOUND"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    link: str, method: str, worker: str, request_: dict[str, object], status: int, reason: str
) -> None:
    answer = call(link, method, worker, **request_)
    assert answer.status == status, answer.text
    assert answer.json["reason"] == reason
    assert answer.json["message"]


def test_calls_are_not_made_by_forms_or_links(link: str) -> None:
    url = f"{link}api/Scheduler/GetSummary"
    assert ask(url).status == 404
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(url, b"{}", form).status == 415
    assert ask(url, b"{}", {"Content-Type": "text/plain"}).status == 415
    assert ask(url, b"{}", {"Content-Type": "application/json; charset=utf-8"}).status == 200
    assert ask(url, b"[]", JSON).status == 400
    assert ask(url, b"\xff", JSON).status == 400
    assert ask(url, b" " * (1 << 17), JSON).status == 413


def test_health_says_whether_the_scheduler_answers(gd: Start) -> None:
    scheduler = gd("scheduler", "--port", "0", "--no-dashboard")
    link = link_of(gd("dashboard", address_of(scheduler)))
    assert ask(f"{link}health").json == {"status": "ok"}
    scheduler.close()
    until(lambda: ask(f"{link}health").status == 503, "bad health")
    assert "does not answer" in ask(f"{link}health").json["message"]
    failed = call(link, "Scheduler/GetSummary")
    assert (failed.status, failed.json["code"]) == (503, "UNAVAILABLE")
