"""One line an event, in one format, with fields that can be read back."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from gdistributed.cli.logs import LineFormatter
from gdistributed.wire import logs
from gdistributed.wire.logs import JsonFormatter, LogRing


@pytest.fixture
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_always", {})
    logs.name_every_line(worker="ada")


def a_record(**fields: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord(
        "gdistributed.data", logging.INFO, __file__, 1, "a value is lost", (), None, extra=fields
    )


@pytest.mark.parametrize(
    ("logger", "part"),
    [
        ("gdistributed.scheduler", "scheduler"),
        ("gdistributed.services.worker.server", "worker"),
        ("gdistributed.wire.server", "wire"),
        ("gdistributed", "gdistributed"),
        ("asyncio", "asyncio"),
    ],
)
def test_a_line_says_when_who_and_what(logger: str, part: str) -> None:
    fields = {"worker": "ada", "address": "127.0.0.1:1"}
    record = logging.getLogger(logger).makeRecord(
        logger, logging.INFO, __file__, 1, "worker %s", ("joined",), None, extra=fields
    )
    line = LineFormatter().format(record)
    time, level, said_part, text = line.split(maxsplit=3)
    assert (level, said_part, len(time)) == ("INFO", part, len("23:59:59"))
    assert text == "worker joined  worker=ada  address=127.0.0.1:1"


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.makeLogRecord({"name": "x", "msg": "failed", "exc_info": caught})
    first, *others = LineFormatter().format(record).splitlines()
    assert first.endswith("failed")
    assert others[-1] == "ValueError: broken"
    line = json.loads(JsonFormatter().format(record))
    assert line["exception"].endswith("ValueError: broken")


def test_values_with_spaces_and_line_ends_stay_on_the_line() -> None:
    line = LineFormatter().format(a_record(task="x", cause='two\nlines, "quoted"', nbytes=3))
    assert line.endswith('a value is lost  task=x  cause="two\\nlines, \\"quoted\\""  nbytes=3')


def test_a_line_of_json_has_time_and_fields() -> None:
    record = a_record(task="('x', 0)", nbytes=3, cause=ValueError("no"), level="mine")
    line = json.loads(JsonFormatter().format(record))
    assert list(line)[:4] == ["time", "level", "logger", "message"]
    assert datetime.fromisoformat(line["time"]) == datetime.fromtimestamp(record.created, UTC)
    del line["time"]
    assert line == {
        "level": "INFO",
        "logger": "gdistributed.data",
        "message": "a value is lost",
        "task": "('x', 0)",
        "nbytes": 3,
        "cause": "no",
    }


@pytest.mark.usefixtures("_named")
def test_all_lines_of_a_worker_bear_its_name() -> None:
    assert LineFormatter().format(a_record(task="x")).endswith("task=x  worker=ada")
    assert json.loads(JsonFormatter().format(a_record()))["worker"] == "ada"
    assert LineFormatter().format(a_record(worker="bob")).endswith("lost  worker=bob")


def test_who_follows_gets_the_lines_after_the_last_one() -> None:
    ring = LogRing(kept=3)
    for number in range(5):
        ring.emit(a_record(task=f"t{number}"))
    lines = list(ring.last(10, "INFO"))
    assert [line.number for line in lines] == [3, 4, 5]
    assert [dict(line.fields) for line in lines] == [{"task": f"t{n}"} for n in (2, 3, 4)]
    assert [line.number for line in ring.last(10, "", after=4)] == [5]
    assert not list(ring.last(10, "WARNING"))
