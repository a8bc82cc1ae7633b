"""Functions arrive as they were, by name or as code, and never in an old form."""

from __future__ import annotations

import datetime
import functools
import operator
import os.path
import subprocess
import sys
import threading
import types
from collections.abc import Callable

import numpy as np
import pytest

from gdistributed.data.functions import (
    find_by_name,
    function_name,
    importable_name,
    load_function,
    pack_function,
)
from gdistributed.data.graph_nodes import RUN_NODE, run_node
from gdistributed.errors import SerializationError, UnpicklableArgument
from gdistributed.v1 import task_pb2, value_pb2


class Adder:
    def __init__(self, start: int) -> None:
        self.start = start

    def __call__(self, x: int) -> int:
        return self.start + x

    def plus(self, x: int) -> int:
        return self.start + x


def read_elsewhere(message: task_pb2.Function) -> Callable[..., object]:
    """Load a function as a process does that has not seen it before."""
    fresh = task_pb2.Function()
    fresh.CopyFrom(message)
    fresh.id = ""
    return load_function(fresh)


@pytest.mark.parametrize(
    ("function", "args", "result"),
    [
        (operator.add, (1, 2), 3),
        (len, ([1],), 1),
        (int, ("3",), 3),
        (str.upper, ("a",), "A"),
        (os.path.join, ("a", "b"), "a/b"),
        (datetime.date.fromisoformat, ("2026-11-20",), datetime.date(2026, 11, 20)),
        (functools.partial(operator.sub, 5), (1,), 4),
        (lambda x: x + 1, (1,), 2),
        (Adder(10), (1,), 11),
        (Adder(10).plus, (1,), 11),
        (Adder(10).__call__, (1,), 11),
        (np.add, (1, 2), 3),
        (np.linalg.norm, ([3, 4],), 5),
        ([1, 2].count, (1,), 1),
        (operator.itemgetter(1), ("ab",), "b"),
    ],
)
def test_all_that_can_be_called_arrives(
    function: Callable[..., object], args: tuple[object, ...], result: object
) -> None:
    assert read_elsewhere(pack_function(function))(*args) == result


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (operator.add, "_operator.add"),
        (int, "builtins.int"),
        (run_node, RUN_NODE),
        (datetime.timedelta.total_seconds, None),
        (datetime.date.today, None),
        (lambda x: x, None),
        (Adder, None),  # tests are not installed
        (np.linalg.norm, "numpy.linalg.norm"),
    ],
)
def test_only_what_every_worker_has_goes_by_name(
    function: Callable[..., object], name: str | None
) -> None:
    assert importable_name(function) == name


def test_a_function_is_packed_once_and_loaded_once() -> None:
    def double(x: int) -> int:
        return 2 * x

    message = pack_function(double)
    assert pack_function(double) is message
    assert load_function(message) is load_function(message)
    assert message.id.startswith("sha256:")
    assert message.code.attributes["python_version"] == f"3.{sys.version_info.minor}"


def define(source: str, **names: object) -> types.FunctionType:
    """Define a function as one does in a notebook."""
    scope = {"__name__": "__main__", **names}
    exec(source, scope)
    function = scope["f"]
    assert isinstance(function, types.FunctionType)
    return function


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("x", 1, 2),
        ("x", 1, True),
        ("x", 1, 1.0),
        ("x", (1, 2), (1, 3)),
        ("x", "a", b"a"),
        ("x", define("def f(): return 1"), define("def f(): return 2")),
        ("x", len, max),
        ("x", os, sys),
    ],
)
def test_a_global_that_was_set_again_is_seen(name: str, before: object, after: object) -> None:
    function = define("def f(): return (lambda: x)()", **{name: before})
    first = pack_function(function)
    function.__globals__[name] = after
    second = pack_function(function)
    assert second.id != first.id
    function.__globals__[name] = before
    assert pack_function(function).id == first.id


def test_a_global_that_changed_within_is_seen() -> None:
    function = define("def f(): return x", x=[1])
    pack_function(function)
    function.__globals__["x"].append(2)
    assert read_elsewhere(pack_function(function))() == [1, 2]


def test_a_closure_that_changed_is_seen() -> None:
    count = 0

    def current() -> int:
        return count

    pack_function(current)
    count = 7
    assert read_elsewhere(pack_function(current))() == 7


def test_functions_that_call_each_other_arrive() -> None:
    even = define("def f(n): return n == 0 or odd(n - 1)")
    odd = define("def f(n): return n != 0 and even(n - 1)", even=even)
    even.__globals__["odd"] = odd
    assert read_elsewhere(pack_function(even))(10) is True
    assert pack_function(even) is pack_function(even)


def test_what_cannot_be_sent_is_named() -> None:
    lock = threading.Lock()

    def waits() -> None:
        lock.acquire()

    with pytest.raises(UnpicklableArgument, match=r"'waits'.*lock"):
        pack_function(waits)
    with pytest.raises(UnpicklableArgument, match="cannot be called"):
        pack_function(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("no_such_module.f", "no module of that name"),
        ("nothing", "no module of that name"),
        ("operator.no_such", "no_such"),
        ("math.pi", "no function but a float"),
    ],
)
def test_a_name_that_is_nothing_is_an_error(name: str, complaint: str) -> None:
    with pytest.raises(SerializationError, match=complaint) as raised:
        load_function(task_pb2.Function(runtime="python", name=name))
    assert raised.value.reason == "UNKNOWN_FUNCTION"


def test_a_function_without_a_name_and_code_is_an_error() -> None:
    with pytest.raises(SerializationError, match="neither a name nor code"):
        load_function(task_pb2.Function(runtime="python"))


def test_a_class_in_a_module_is_found() -> None:
    assert find_by_name("datetime.datetime.fromisoformat")("2026-11-20").year == 2026


def test_code_that_is_rubbish_is_an_error() -> None:
    code = value_pb2.Payload(codec="python/cloudpickle", data=b"rubbish")
    with pytest.raises(SerializationError, match="sha256:0"):
        load_function(task_pb2.Function(id="sha256:0", runtime="python", code=code))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (operator.add, "add"),
        (functools.partial(functools.partial(operator.add, 1), 2), "add"),
        (Adder(1), "Adder"),
        (Adder(1).plus, "plus"),
    ],
)
def test_functions_have_short_names(function: Callable[..., object], name: str) -> None:
    assert function_name(function) == name


def test_names_are_found_by_a_process_of_its_own() -> None:
    name = pack_function(functools.reduce).name
    script = f"from gdistributed.data.functions import find_by_name; print(find_by_name({name!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "<built-in function reduce>"
