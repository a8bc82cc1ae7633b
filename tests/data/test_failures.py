"""An exception arrives as itself, with the remote code in its traceback."""

from __future__ import annotations

import threading
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdistributed.data.failures import exception_from_failure, failure_from_exception
from gdistributed.errors import KilledWorker, SerializationError, TaskError
from gdistributed.v1 import error_pb2 as pb


class TwoArguments(Exception):
    """Pickled by its `args`, it cannot be unpickled."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class HoldsALock(Exception):
    def __init__(self) -> None:
        super().__init__("busy", threading.Lock())
        self.lock = threading.Lock()
        self.code = 7


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError

    def __reduce__(self) -> str:
        raise ZeroDivisionError


def divide(numerator: int) -> float:
    return numerator / 0


def raised(exception: BaseException) -> BaseException:
    try:
        raise exception
    except BaseException as caught:
        return caught


def over_the_wire(exception: BaseException) -> Exception:
    failure = failure_from_exception(
        exception, key="x", attempt=3, worker_id="w" * 32, worker_name="w1"
    )
    return exception_from_failure(pb.TaskError.FromString(failure.SerializeToString()))


def test_the_type_the_message_and_the_traceback_arrive() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        divide(1)
    arrived = over_the_wire(caught.value)
    assert type(arrived) is ZeroDivisionError
    assert arrived.args == ("division by zero",)
    shown = "".join(traceback.format_exception(arrived))
    assert "in divide\n    return numerator / 0" in shown
    assert "task 'x' on worker w1" in shown
    assert traceback.extract_tb(arrived.__traceback__)[-1].filename == __file__


def test_all_languages_can_read_what_happened() -> None:
    def divide_or_complain() -> None:
        try:
            divide(1)
        except ZeroDivisionError as error:
            raise KeyError("y") from error

    failure = failure_from_exception(raised_by(divide_or_complain), key="x", attempt=3)
    assert failure.type == "builtins.KeyError"
    assert failure.message == "'y'"
    assert failure.runtime == "python"
    assert failure.kind == pb.TASK_ERROR_KIND_USER
    assert [cause.type for cause in failure.causes] == ["builtins.ZeroDivisionError"]
    assert failure.frames[-1].source == 'raise KeyError("y") from error'
    assert "direct cause" in failure.traceback


@pytest.mark.parametrize("exception", [TwoArguments(4, "bad"), HoldsALock()])
def test_exceptions_that_pickle_badly_arrive_as_themselves(exception: Exception) -> None:
    arrived = over_the_wire(raised(exception))
    assert type(arrived) is type(exception)
    assert arrived.code == exception.code
    assert str(arrived).split(",")[0] == str(exception).split(",")[0]


def test_what_cannot_be_rebuilt_becomes_a_task_error() -> None:
    arrived = over_the_wire(raised(Unspeakable()))
    assert isinstance(arrived, Unspeakable | TaskError)
    failure = failure_from_exception(raised(ValueError("no")))
    failure.exception.data = b"rubbish"
    arrived = exception_from_failure(failure)
    assert type(arrived) is TaskError
    assert arrived.type_name == "builtins.ValueError"
    assert str(arrived) == "builtins.ValueError: no"
    assert "ValueError: no" in arrived.traceback_text


@pytest.mark.parametrize("exception", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_would_end_the_program_becomes_a_task_error(exception: BaseException) -> None:
    arrived = over_the_wire(raised(exception))
    assert type(arrived) is TaskError
    assert arrived.type_name == f"builtins.{type(exception).__name__}"


def test_our_own_errors_come_back_by_their_reason() -> None:
    failure = failure_from_exception(raised(SerializationError("a lock")))
    assert failure.reason == "SERIALIZATION_FAILED"
    assert failure.kind == pb.TASK_ERROR_KIND_SYSTEM
    assert not failure.retryable
    given_up = pb.TaskError(
        reason="KILLED_WORKER", message="three died", runtime="gdistributed", kind=5
    )
    arrived = exception_from_failure(given_up)
    assert type(arrived) is KilledWorker
    assert str(arrived) == "three died"


def test_errors_of_other_languages_show_their_traceback() -> None:
    arrived = exception_from_failure(
        pb.TaskError(type="*os.PathError", message="no file", runtime="go", traceback="main.go:3")
    )
    assert type(arrived) is TaskError
    assert arrived.runtime == "go"
    assert "main.go:3" in "".join(traceback.format_exception(arrived))


def test_sources_that_are_not_here_are_shown_as_text() -> None:
    scope: dict[str, object] = {}
    exec(compile("def f():\n    raise ValueError('far')", "/nowhere/far.py", "exec"), scope)
    failure = failure_from_exception(raised_by(scope["f"]), worker_name="w1")
    failure.frames[-1].source = "raise ValueError('far')"
    shown = "".join(traceback.format_exception(exception_from_failure(failure)))
    assert 'File "/nowhere/far.py", line 2, in f' in shown
    assert "Remote traceback:" in shown


def raised_by(function: object) -> BaseException:
    try:
        function()  # type: ignore[operator]
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def test_long_texts_are_cut_in_the_middle() -> None:
    failure = failure_from_exception(ValueError("a" * 100_000 + "z"))
    assert len(failure.message) < 66_000
    assert failure.message[0] + failure.message[-1] == "az"


def test_deep_recursion_arrives() -> None:
    def deeper() -> None:
        deeper()

    arrived = over_the_wire(raised_by(deeper))
    assert type(arrived) is RecursionError
    assert len(traceback.extract_tb(arrived.__traceback__)) == 100


@given(st.text())
def test_any_text_arrives(text: str) -> None:
    failure = failure_from_exception(ValueError(text))
    arrived = exception_from_failure(pb.TaskError.FromString(failure.SerializeToString()))
    assert arrived.args == (text,)


def test_what_arrived_can_be_sent_on() -> None:
    arrived = over_the_wire(raised(TwoArguments(4, "bad")))
    assert over_the_wire(arrived).code == 4
