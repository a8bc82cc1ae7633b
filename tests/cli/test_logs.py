"""One line an event, in one format."""

from __future__ import annotations

import logging

import pytest

from gdistributed.cli.logs import LineFormatter


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
