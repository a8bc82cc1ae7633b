"""Processes of other languages, without a cluster around them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from gdistributed.errors import ClusterError, MalformedMessage, ProcessEnded, UnknownFunction
from gdistributed.runtime.language_frames import read_message
from gdistributed.runtime.language_processes import LanguageRuntime
from tests.tools import ROOT

ADAPTER = ROOT / "tests/languages/adapter.py"


@pytest.fixture
def toy() -> Iterator[LanguageRuntime]:
    runtime = LanguageRuntime("toy", f"{sys.executable} {ADAPTER}")
    yield runtime
    runtime.close()


def test_it_offers_what_its_processes_say(toy: LanguageRuntime) -> None:
    offer = toy.offer()
    assert (offer.runtime, offer.version) == ("toy", "0.1")
    assert offer.functions[0].description == "Give back what came."
    assert [list(each.accepts) for each in offer.functions[:2]] == [["raw", "json"], ["json"]]
    assert "python/pickle5" in offer.decodes  # the worker reads it, and says it in JSON
    assert not offer.any_name
    assert not offer.runs_code


def test_a_function_is_called_outside_of_a_task_too(toy: LanguageRuntime) -> None:
    toy.offer()
    assert toy.function("echo")([1, 2]) == [1, 2]
    assert toy.function("echo")(b"bytes") == b"bytes"


def test_a_function_that_is_not_offered_is_named(toy: LanguageRuntime) -> None:
    toy.offer()
    with pytest.raises(UnknownFunction, match="no function 'other'; they offer echo, named"):
        toy.function("other")


def test_a_process_that_died_is_replaced(toy: LanguageRuntime) -> None:
    toy.offer()
    before = toy.function("pid")()
    assert toy.function("pid")() == before
    with pytest.raises(ProcessEnded):
        toy.function("die")()
    assert toy.function("pid")() != before


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-program", "cannot be started: .*No such file"),
        ("unclosed 'quotation", "cannot be started: No closing quotation"),
        ("sh -c 'echo too early >&2; exit 3'", "exit code 3 before its hello.*\n.*too early"),
        ("sh -c 'kill -9 $$'", "ended by signal 9 before its hello"),
        ("echo good morning", "wrote 'good morning' to its standard output"),
        ('echo 26 \'{"hello": {"protocol": 2}}\'', "speaks version 2 of the protocol"),
        ("echo 9 '{\"bye\":1}'", "exit code 0 before its hello"),
        ('echo 26 \'{"hello": {"protocol": 1}}\'', "exit code 0 before its hello"),
    ],
)
def test_a_command_that_is_no_worker_is_named(command: str, words: str) -> None:
    with pytest.raises(ClusterError, match=f"(?s)runtime 'toy'.*{words}"):
        LanguageRuntime("toy", command).offer()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"hello\n", "does not begin with a length"),
        (b"7", "does not begin with a length"),
        (b"9" * 30 + b" {}\n", "does not begin with a length"),
        (b'3 {"a":1}\n', "3 bytes of JSON are announced, 7 come"),
        (b"4 what\n", "Expecting value"),
        (b"2 []\n", "attribute"),
        (b'21 {"attachments":["x"]}\n', "invalid literal"),
        (b'20 {"attachments":[-1]}\n', "a length below zero"),
    ],
)
def test_what_is_no_message_is_refused(said: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        read_message(io.BytesIO(said))


@pytest.mark.parametrize("said", [b"", b'19 {"attachments":[3]}\nab'])
def test_a_message_that_breaks_off_is_an_end(said: bytes) -> None:
    with pytest.raises(EOFError):
        read_message(io.BytesIO(said))


def test_the_messages_of_the_page_are_messages() -> None:
    page = (ROOT / "docs/subprocess-runtimes.md").read_text()
    shown = [line[2:] for line in page.splitlines() if line.startswith(("< ", "> "))]
    messages = [read_message(io.BytesIO(f"{line}\n".encode()))[0] for line in shown]
    assert [message.get("call") for message in messages] == [None, 1, 1, 2, 2]
