"""The workers in R and in shell that come with gdistributed, on their own and in a cluster."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gdistributed import Client, TaskError, remote
from gdistributed.data.failures import ErrorElsewhere
from gdistributed.errors import ProcessEnded
from gdistributed.runtime.language_processes import LanguageRuntime
from tests.processes import address_of, started
from tests.tools import ROOT, require

SHELL = ROOT / "workers/shell/worker.sh"
R = ROOT / "workers/r/worker.R"
NEEDS_R = "install r-base-core and r-cran-jsonlite"
TEXT = "to be or\nnot to be\n"


@pytest.fixture(scope="module")
def shell() -> Iterator[LanguageRuntime]:
    require("jq", "install jq")
    runtime = LanguageRuntime("sh", f"sh {SHELL}")
    runtime.offer()
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def r() -> Iterator[LanguageRuntime]:
    runtime = LanguageRuntime("r", f"{require('Rscript', NEEDS_R)} {R}")
    runtime.offer()
    yield runtime
    runtime.close()


def test_the_adapter_in_shell_is_small_and_works(shell: LanguageRuntime) -> None:
    assert len(SHELL.read_text().splitlines()) <= 40
    assert shell.function("text.lines")(TEXT) == 2
    assert shell.function("text.words")(TEXT) == {"to": 2, "be": 2, "or": 1, "not": 1}
    assert isinstance(shell.function("host")(), str)


def test_an_error_in_shell_is_what_the_command_said(shell: LanguageRuntime) -> None:
    with pytest.raises(ErrorElsewhere, match="jq: error"):
        shell.function("text.lines")({"not": "text"}, 0)
    assert shell.function("text.lines")(TEXT) == 2


VALUES: dict[str, Any] = {
    "nothing": None,
    "a truth": True,
    "a number": 0.1,
    "an integer": 123456789012,
    "text": 'zwei\nZeilen, "ü" \\ und 日本',
    "numbers": [1, 2.5, -3],
    "numbers with a gap": [1, None, 3],
    "words": ["a", "b"],
    "words with a gap": ["a", None],
    "truths": [True, False, None],
    "a list of kinds": [1, "a", None, [2, 3]],
    "a list of lists": [[1, 2], [3, 4]],
    "an object": {"a": 1, "b": {"c": [1, 2]}, "d": None},
    "a table": {"word": ["to", "be"], "count": [2, 1]},
    "an empty list": [],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_values_are_the_same_after_r(r: LanguageRuntime, value: object) -> None:
    assert r.function("echo")(value) == value


def test_bytes_are_the_same_after_r(r: LanguageRuntime) -> None:
    data = bytes(range(256)) * 100
    assert r.function("echo")(data) == data
    assert r.function("echo")(b"") == b""
    assert r.function("echo")("still in step") == "still in step"


def test_a_data_frame_of_r_is_an_object_of_columns(r: LanguageRuntime) -> None:
    table = {"kind": ["a", "b", "a"], "size": [1, 2, 3]}
    means = r.function("frame.by")(table, column="kind", value="size")
    assert means == {"kind": ["a", "b"], "size": [2, 2]}
    assert r.function("frame.by")({"k": ["a"], "v": [1]}, "k", "v") == {"k": ["a"], "v": [1]}


def test_a_condition_of_r_is_an_error_with_its_class_and_calls(r: LanguageRuntime) -> None:
    with pytest.raises(ErrorElsewhere, match="rain") as raised:
        r.function("fail")("rain")
    failure = raised.value.failure
    assert (failure.type, failure.runtime) == ("weather", "r")
    assert 'fail("rain")' in failure.traceback
    with pytest.raises(ErrorElsewhere, match="non-numeric argument") as raised:
        r.function("stats.summary")(["a", "b"])
    assert raised.value.failure.type == "simpleError"


def test_python_and_r_make_one_graph() -> None:
    command = f"r={require('Rscript', NEEDS_R)} {R}"
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0"))
        options = ("--no-nanny", "--nthreads", "1", "--runtime", command)
        started(processes, "worker", address, *options).wait_for("registered")
        client = processes.enter_context(Client(address))
        texts = [" ".join(f"w{n}" for n in range(1, 50) for _ in range(100 // n))] * 3
        counts = client.map(Counter, [text.split() for text in texts])
        table = client.submit(lambda parts: {"count": list(sum(parts, Counter()).values())}, counts)
        line = client.submit(remote("zipf.fit", runtime="r"), table).result()
        assert line["words"] == 49
        assert math.isclose(line["slope"], -1, abs_tol=0.1)
        with pytest.raises(TaskError, match="weather: snow") as raised:
            client.submit(remote("fail", runtime="r"), "snow").result()
        assert (raised.value.type_name, raised.value.runtime) == ("weather", "r")


def test_r_that_ends_itself_is_told_with_its_code(r: LanguageRuntime, tmp_path: Path) -> None:
    worker = tmp_path / "worker.R"
    library = ROOT / "workers/r/gdistributed.R"
    worker.write_text(
        f'source("{library}")\n'
        'offer("quits", function() { message("farewell"); quit(status = 5) })\nserve()\n'
    )
    runtime = LanguageRuntime("r", f"Rscript {worker}")
    runtime.offer()
    with pytest.raises(ProcessEnded, match=r"(?s)exit code 5 while it ran 'quits'.*farewell"):
        runtime.function("quits")()
    runtime.close()
