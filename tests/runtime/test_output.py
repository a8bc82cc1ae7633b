"""What tasks print and log is noted for the right run, within bounds, and goes on as before."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gdistributed.runtime.context import TaskContext, current
from gdistributed.runtime.output import HALF_NBYTES, TOTAL_NBYTES, Notes, caught_output
from gdistributed.v1 import task_pb2

STDOUT = task_pb2.OUTPUT_STREAM_STDOUT
STDERR = task_pb2.OUTPUT_STREAM_STDERR
LOG = task_pb2.OUTPUT_STREAM_LOG


@dataclass
class Run:
    """A task that remembers what it has said."""

    key: str
    heard: list[tuple[int, str]] = field(default_factory=list)

    def said(self, stream: int, text: str) -> None:
        self.heard.append((stream, text))

    def context(self) -> TaskContext:
        raise NotImplementedError

    def secede(self) -> bool:
        return False

    def rejoin(self) -> None:
        """Nothing was left."""


@pytest.fixture
def run() -> Iterator[Run]:
    """The task that runs here."""
    run = Run("x")
    token = current.set(run)
    yield run
    current.reset(token)


def notes() -> Notes:
    return Notes(lambda: None)


def test_what_a_task_prints_and_logs_is_noted_and_goes_on(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with caught_output():
        print("out")
        sys.stderr.writelines(["a\n", "b\n"])
        logging.getLogger("mine").warning("look at %s", "this")
        logging.getLogger("gdistributed.worker").warning("not this")
        assert sys.stdout.encoding.lower() == "utf-8"
    print("after")
    text = {
        stream: "".join(text for each, text in run.heard if each == stream)
        for stream in (STDOUT, STDERR, LOG)
    }
    assert text == {STDOUT: "out\n", STDERR: "a\nb\n", LOG: "WARNING mine: look at this\n"}
    assert capsys.readouterr() == ("out\nafter\n", "a\nb\n")


def test_outside_of_a_task_nothing_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    with caught_output():
        print("out")
    assert capsys.readouterr().out == "out\n"


def test_a_stream_of_the_users_own_stays_in_its_place(run: Run) -> None:
    mine, before = io.StringIO(), sys.stdout
    try:
        with caught_output():
            with contextlib.redirect_stdout(mine):
                print("mine")
            print("ours")
            sys.stdout = mine
        assert sys.stdout is mine
    finally:
        sys.stdout = before
    assert mine.getvalue() == "mine\n"
    assert run.heard == [(STDOUT, "ours"), (STDOUT, "\n")]


def test_a_log_line_that_cannot_be_made_is_no_error_of_the_task(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    record = logging.LogRecord("mine", logging.ERROR, "f", 1, "%d", ("x",), None)
    with caught_output():
        logging.getLogger().handlers[-1].handle(record)
    assert run.heard == []


def test_notes_come_in_order_and_apart_by_run_and_stream() -> None:
    said = notes()
    for key, stream, text in (
        ("x", STDOUT, "1"), ("y", STDOUT, "other"), ("x", STDOUT, "\n"), ("x", STDERR, "2"),
        ("x", STDOUT, "3"),
    ):  # fmt: skip
        said.note(key, 7, stream, text)
    parts = said.take([("x", 7), ("gone", 1)])
    assert [(part.stream, part.text) for part in parts] == [
        (STDOUT, "1\n"), (STDERR, "2"), (STDOUT, "3"),
    ]  # fmt: skip
    assert {(part.key, part.attempt) for part in parts} == {("x", 7)}
    assert [part.text for part in said.take_all(has_room=True)] == ["other"]
    assert not said.unsent


def test_beginning_and_end_of_a_long_text_are_kept() -> None:
    said = notes()
    for number in range(100_000):
        said.note("x", 1, STDOUT, f"{number}\n")
    parts = said.take([("x", 1)])
    text = "".join(part.text for part in parts)
    assert HALF_NBYTES < len(text) <= 2 * HALF_NBYTES
    assert text.startswith("0\n1\n2\n")
    assert text.endswith("99998\n99999\n")
    whole = sum(len(f"{number}\n") for number in range(100_000))
    assert len(text) + sum(part.left_out for part in parts) == whole


def test_one_text_that_is_too_long_is_cut_in_the_middle() -> None:
    said = notes()
    said.note("x", 1, STDOUT, "<" + "x" * 1_000_000 + ">")
    parts = said.take([("x", 1)])
    text = "".join(part.text for part in parts)
    assert (text[0], text[-1], len(text)) == ("<", ">", 2 * HALF_NBYTES)
    assert sum(part.left_out for part in parts) == 1_000_002 - len(text)


def test_all_tasks_together_say_no_more_than_there_is_room_for() -> None:
    said = notes()
    for key in map(str, range(100)):
        said.note(key, 1, STDOUT, "x" * HALF_NBYTES)
    parts = said.take_all(has_room=False)
    assert 0 < sum(len(part.text) for part in parts) <= TOTAL_NBYTES
    assert sum(len(part.text) + part.left_out for part in parts) == 100 * HALF_NBYTES


def test_there_is_room_again_when_what_was_taken_has_gone_out() -> None:
    said = notes()
    texts = []
    for _ in range(20):
        said.note("x", 1, STDOUT, "x" * HALF_NBYTES)
        texts += [part.text for part in said.take([("x", 1)])]
    assert sum(map(len, texts)) == TOTAL_NBYTES
    said.note("x", 1, STDOUT, "late")
    (late,) = said.take_all(has_room=False)
    assert (late.text, late.left_out) == ("", 4)
    said.note("x", 1, STDOUT, "soon")
    assert [part.text for part in said.take_all(has_room=True)] == ["soon"]


def test_what_utf_8_cannot_say_is_replaced() -> None:
    said = notes()
    said.note("x", 1, STDOUT, "a\udc80b")
    assert [part.text for part in said.take([("x", 1)])] == ["a?b"]


def test_it_is_told_once_that_something_was_said() -> None:
    told: list[int] = []
    said = Notes(lambda: told.append(1))
    said.note("x", 1, STDOUT, "1")
    said.note("y", 1, STDOUT, "2")
    said.take([("x", 1), ("y", 1)])
    said.note("z", 1, STDOUT, "3")
    assert len(told) == 1
    assert [part.text for part in said.take_all(has_room=True)] == ["3"]
    said.note("z", 1, STDOUT, "4")
    assert len(told) == 2


def test_threads_note_at_the_same_time() -> None:
    said = notes()

    def say(key: str) -> None:
        for _ in range(1000):
            said.note(key, 1, STDOUT, key)

    threads = [threading.Thread(target=say, args=[key]) for key in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in "abcd":
        assert "".join(part.text for part in said.take([(key, 1)])) == key * 1000
