"""What a worker that calls in from time to time is told, and what cannot be given to it."""

from __future__ import annotations

import pytest

from gdistributed.core.worker import synchronizing
from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.core.worker.synchronizing import Attempt, check_task, failure_said
from gdistributed.errors import CodecUnsupported, GDistributedError, ValueTooLarge
from gdistributed.v1 import error_pb2, value_pb2, worker_pb2
from tests.core.worker.script import Script

KIB = 1024


def named(*keys: str, attempt: int = 1) -> dict[Attempt, None]:
    return dict.fromkeys((key, attempt) for key in keys)


def to_be_run(brain: WorkerBrain) -> list[str]:
    return [key for key, _ in synchronizing.to_be_run(brain)]


def test_no_more_runs_than_threads_are_to_be_run() -> None:
    with Script(nthreads=2, ahead_s=0.0) as script:
        for key in ("a", "b", "c"):
            script.run(key, expected_ns=1)
        assert to_be_run(script.brain) == ["a", "b"]
        script.finish("a")
        assert to_be_run(script.brain) == ["b", "c"]
        script.began()
        script.said()


def test_news_is_what_differs_from_what_the_worker_runs() -> None:
    with Script(nthreads=2, ahead_s=0.0) as script:
        assert not synchronizing.is_news(script.brain, {})
        script.run("a")
        assert synchronizing.is_news(script.brain, {})
        assert not synchronizing.is_news(script.brain, named("a"))
        assert synchronizing.is_news(script.brain, named("a", attempt=2))
        script.cancel("a")
        assert synchronizing.is_news(script.brain, named("a"))
        script.brain.to_cancel.clear()
        script.began()
        script.said()


def test_a_run_that_was_given_up_has_its_thread_until_the_worker_stops_it() -> None:
    with Script(nthreads=1, ahead_s=0.0) as script:
        script.run("a")
        script.cancel("a")
        script.run("b")
        synchronizing.end_stopped(script.brain, named("a"), 0)
        assert to_be_run(script.brain) == []
        synchronizing.end_stopped(script.brain, {}, 0)
        assert to_be_run(script.brain) == ["b"]
        script.brain.to_cancel.clear()
        script.began()
        assert script.said() == {"started": ["a", "b"]}


def task(*arguments: value_pb2.Argument, nbytes: int = 0) -> worker_pb2.RunTask:
    message = value_pb2.Arguments(arguments=arguments)
    dependency = worker_pb2.Dependency(key="before", nbytes=nbytes)
    return worker_pb2.RunTask(
        key="k", arguments=message.SerializeToString(), dependencies=[dependency]
    )


def literal(codec: str, data: bytes = b"", **fields: object) -> value_pb2.Argument:
    payload = value_pb2.Payload(codec=codec, data=data, **fields)  # type: ignore[arg-type]
    return value_pb2.Argument(literal=payload)


def test_plain_arguments_and_keys_are_fit() -> None:
    safe = [literal(codec, b"1") for codec in ("", "null", "text", "json", "raw")]
    check_task(task(*safe, value_pb2.Argument(key="before"), nbytes=8 * KIB), KIB)


@pytest.mark.parametrize(
    ("unfit", "error"),
    [
        (task(literal("text", bytes(2 * KIB))), ValueTooLarge),
        (task(nbytes=8 * KIB + 1), ValueTooLarge),
        (task(literal("python/pickle5", b"1")), CodecUnsupported),
        (task(literal("arrow", b"1")), CodecUnsupported),
        (task(literal("text", b"1", compression="gzip")), CodecUnsupported),
        (task(literal("raw", buffers=[b"1"])), CodecUnsupported),
        (task(literal("raw", blob=value_pb2.BlobReference(uri="x"))), CodecUnsupported),
        (
            worker_pb2.RunTask(
                arguments=value_pb2.Arguments(
                    packed=value_pb2.Payload(codec="python/pickle5")
                ).SerializeToString()
            ),
            CodecUnsupported,
        ),
    ],
)
def test_what_cannot_be_given_is_refused(
    unfit: worker_pb2.RunTask, error: type[GDistributedError]
) -> None:
    with pytest.raises(error) as raised:
        check_task(unfit, KIB)
    failure = synchronizing.failure_of(raised.value)
    assert failure.reason == error.reason
    assert failure.kind == error_pb2.TASK_ERROR_KIND_SYSTEM


def test_an_error_that_says_no_kind_is_one_of_the_function() -> None:
    failure = failure_said(error_pb2.TaskError(message="bad"), "sh")
    assert (failure.type, failure.message, failure.runtime) == ("Error", "bad", "sh")
    assert failure.kind == error_pb2.TASK_ERROR_KIND_USER
    assert failure.retryable
    assert failure.counts


def test_an_error_that_says_its_kind_is_left_as_it_is() -> None:
    said = error_pb2.TaskError(
        type="Oom", runtime="awk", kind=error_pb2.TASK_ERROR_KIND_OUT_OF_MEMORY
    )
    assert failure_said(said, "sh") == said
