"""What a user may ask for a task: priority, retries, where it may run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gdistributed.v1 import task_pb2

Workers = str | Iterable[str] | None
Codecs = str | Iterable[str] | None


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How tasks are to be run.

    Attributes
    ----------
    priority
        Higher runs sooner; default 0.
    retries
        How often a task that raised is run again; default 0.
    workers
        Names, addresses or hosts of the workers that may run it; empty means any.
    allow_other_workers
        Whether `workers` is a preference and no restriction.
    resources
        What a task holds while it runs, by name, for instance ``{"GPU": 1}``.
    timeout_s
        How long one run of it may take; None means as long as it likes.
    actor
        Whether the function is a class whose instance lives on a worker.
    codec
        Names of the codecs in which the result is to travel, best first; empty means the
        worker's choice.
    """

    priority: int = 0
    retries: int = 0
    workers: tuple[str, ...] = ()
    allow_other_workers: bool = False
    resources: Mapping[str, float] = field(default_factory=dict)
    timeout_s: float | None = None
    actor: bool = False
    codec: tuple[str, ...] = ()

    def template(self, function_id: str, prefix: str) -> task_pb2.TaskTemplate:
        """Return the template of tasks of one function, without its number."""
        template = task_pb2.TaskTemplate(
            function_id=function_id,
            prefix=prefix,
            priority=self.priority,
            retries=self.retries,
            workers=self.workers,
            allow_other_workers=self.allow_other_workers,
            resources=self.resources,
            actor=self.actor,
            result_codecs=self.codec,
        )
        if self.timeout_s is not None:
            template.timeout.FromNanoseconds(int(self.timeout_s * 1e9))
        return template


PLAIN = TaskOptions()


def task_options(
    priority: int = 0,
    retries: int | None = None,
    workers: Workers = None,
    allow_other_workers: bool = False,
    resources: Mapping[str, float] | None = None,
    actor: bool = False,
    timeout: float | None = None,
    codec: Codecs = None,
) -> TaskOptions:
    """Check what a user asked for.

    Raises
    ------
    ValueError
        If `allow_other_workers` is set without `workers`, or a number is negative.
    TypeError
        If something is of a type that makes no sense.
    """
    if allow_other_workers not in (True, False, None):
        raise TypeError("allow_other_workers must be True or False")
    names = worker_names(workers)
    if allow_other_workers and not names:
        raise ValueError("allow_other_workers=True needs workers= too: whom to prefer?")
    is_plain = not (priority or retries or names or resources or actor or codec)
    if is_plain and timeout is None:
        return PLAIN
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds and is {timeout!r}")
    amounts = {str(name): float(amount) for name, amount in (resources or {}).items()}
    for name, amount in amounts.items():
        if not amount >= 0:
            raise ValueError(f"a task cannot hold {amount!r} of the resource {name!r}")
    if _whole(retries or 0, "retries") < 0:
        raise ValueError(f"retries must not be negative and is {retries!r}")
    return TaskOptions(
        priority=_whole(priority, "priority"),
        retries=_whole(retries or 0, "retries"),
        workers=names,
        allow_other_workers=bool(allow_other_workers),
        resources=amounts,
        timeout_s=timeout,
        actor=bool(actor),
        codec=_names(codec),
    )


def worker_names(workers: Workers) -> tuple[str, ...]:
    """Return names, addresses or hosts of workers as a tuple."""
    return _names(workers)


def _names(words: str | Iterable[str] | None) -> tuple[str, ...]:
    if words is None:
        return ()
    if isinstance(words, str):
        return (words,)
    return tuple(map(str, words))


def _whole(number: Any, name: str) -> int:  # noqa: ANN401
    try:
        whole = int(number)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a whole number and is {number!r}") from None
    return whole
