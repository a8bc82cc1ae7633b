"""The file of an event log: whole, compressed, cut off, and on a disk that is full."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from gdistributed.errors import UsageError
from gdistributed.observe.log_file import LogFile, read_text, unused_name
from gdistributed.observe.recording import Recording
from tests.waiting import until

START = '{"time":1.0,"event":"start","format":2}\n'
TASK = '{"time":2.0,"event":"note","key":"x","text":"y"}\n'
LEFT = '{"time":3.0,"event":"client","name":"c","from":"","to":"left"}\n'


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    file = LogFile(path)
    file.write([START.encode()])
    file.write([TASK.encode()])
    file.close()
    assert read_text(path) == START + TASK
    if name.endswith(".gz"):
        assert gzip.decompress(path.read_bytes()) == (START + TASK).encode()


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_what_is_not_closed_is_read_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    file = LogFile(path)
    file.write([START.encode()])
    until(lambda: path.read_bytes() and read_text(path) == START, "the first piece")
    file.write([TASK.encode()])
    until(lambda: read_text(path) == START + TASK, "the second piece")
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(path.read_bytes()[:-12])
    recording = Recording(cut)
    assert recording.start["event"] == "start"
    assert len(recording) == 1
    file.close()


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_text("old")
    (tmp_path / "log.1.jsonl.gz").write_text("older")
    assert unused_name(path).name == "log.2.jsonl.gz"
    LogFile(path).close()
    assert (tmp_path / "log.2.jsonl.gz").read_text() == "old"


def test_a_full_disk_ends_the_log_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "gdistributed.event_log"):
        file = LogFile(Path("/dev/full"))
        file.write([START.encode()])
        until(lambda: file.is_over, "the trouble to be noted")
        file.write([TASK.encode()])
        file.close()
    (record,) = caplog.records
    assert "No space left" in record.__dict__["cause"]


def test_the_end_is_before_the_last_client_left(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(START + LEFT + TASK + LEFT + TASK)
    assert Recording(path).index_of_end() == 3
    path.write_text(START + TASK)
    assert Recording(path).index_of_end() == 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ('{"time":1.0,"event":"task"}\n', "start"),
        ('{"time":1.0,"event":"start","format":99}\n', "format 99"),
        (START + "no JSON\n", "line 2"),
        (START + "[1]\n", "line 2"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=what):
        Recording(path)
