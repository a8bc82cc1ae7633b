"""Plays a story: each line is a deed, and below it stands what the scheduler said because of it.

A story is prose (lines with `#`), deeds, and answers (indented lines with an arrow). Playing it
returns the same text with the answers that were really given.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gdistributed.core.scheduler.explaining import explain
from gdistributed.core.scheduler.orders import replicate, retire
from gdistributed.settings import SchedulerSettings
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script

ARROW = "    -> "
Deed = Callable[..., None]
DEEDS: list[tuple[re.Pattern[str], Deed]] = []


def deed(pattern: str) -> Callable[[Deed], Deed]:
    """Have lines that match a pattern do what a function says."""

    def enter(act: Deed) -> Deed:
        DEEDS.append((re.compile(pattern), act))
        return act

    return enter


class Stage:
    """A scheduler's brain, and what is to be written below the last deed."""

    def __init__(self) -> None:
        self.script = Script(SchedulerSettings(no_worker_timeout_s=60.0))
        self.remarks: list[str] = []

    def answers(self) -> list[str]:
        """Return what was said since the last look."""
        heard, self.script.heard = self.script.heard, {}
        remarks, self.remarks = self.remarks, []
        said = [f"{peer}: {word}" for peer, words in heard.items() for word in words]
        return [ARROW + line for line in (*said, *remarks)]


def play(text: str) -> str:
    """Play a story and return it with the answers that were given.

    Raises
    ------
    ValueError
        If a line is no deed.
    """
    stage = Stage()
    written: list[str] = []
    for line in text.splitlines():
        if line.startswith(ARROW):
            continue
        written.append(line)
        if line and not line.startswith("#"):
            _do(stage, line)
            written += stage.answers()
    stage.script.close()
    return "\n".join(written) + "\n"


def _do(stage: Stage, line: str) -> None:
    for pattern, act in DEEDS:
        found = pattern.fullmatch(line)
        if found is not None:
            act(stage, **{name: value for name, value in found.groupdict().items() if value})
            return
    raise ValueError(f"no deed is written like this: {line!r}")


@deed(r"worker (?P<name>\w+)( threads=(?P<threads>\d+))?( GPU=(?P<gpu>\d+))?")
def worker(stage: Stage, name: str, threads: str = "1", gpu: str = "") -> None:
    resources = {"GPU": float(gpu)} if gpu else {}
    stage.script.worker(name, int(threads), resources=resources)


@deed(r"client (?P<name>\w+)")
def client(stage: Stage, name: str) -> None:
    stage.script.client(name)


@deed(
    r"(?P<who>\w+) submits (?P<tasks>[\w=, ]+?)( wanting (?P<wants>[\w ]+?))?"
    r"( with (?P<options>\w+=[\w.]+( \w+=[\w.]+)*))?"
)
def submits(stage: Stage, who: str, tasks: str, wants: str = "", options: str = "") -> None:
    named: dict[str, object] = {}
    for word in options.split():
        name, _, value = word.partition("=")
        if name == "GPU":
            named["resources"] = {"GPU": float(value)}
        else:
            named[name] = [value] if name == "workers" else int(value)
    stage.script.submit(who, tasks, wants.split() if wants else None, **named)


@deed(r"(?P<who>\w+) finishes (?P<key>\w+) of an older run")
def finishes_late(stage: Stage, who: str, key: str) -> None:
    stage.script.finish(who, key, attempt=stage.script.attempts[who, key] - 1)


@deed(r"(?P<who>\w+) finishes (?P<keys>[\w ]+)")
def finishes(stage: Stage, who: str, keys: str) -> None:
    stage.script.finish(who, *keys.split())


@deed(r"(?P<who>\w+) fails at (?P<key>\w+)")
def fails(stage: Stage, who: str, key: str) -> None:
    stage.script.fail(who, key)


@deed(r"(?P<who>\w+) begins (?P<key>\w+)")
def begins(stage: Stage, who: str, key: str) -> None:
    stage.script.begin(who, key)


@deed(r"(?P<who>\w+) gives (?P<key>\w+) back")
def gives_back(stage: Stage, who: str, key: str) -> None:
    stage.script.answer_revoke(who, key, given_back=True)


@deed(r"(?P<who>\w+) keeps (?P<key>\w+)")
def keeps(stage: Stage, who: str, key: str) -> None:
    stage.script.answer_revoke(who, key, given_back=False)


@deed(r"(?P<who>\w+) stores (?P<key>\w+)")
def stores(stage: Stage, who: str, key: str) -> None:
    stage.script.stored(who, key)


@deed(r"(?P<who>\w+) is told that (?P<holder>\w+) lacks (?P<key>\w+)")
def lacks(stage: Stage, who: str, holder: str, key: str) -> None:
    stage.script.missing(who, key, holder)


@deed(r"(?P<who>\w+) does not reach (?P<holder>\w+) for (?P<key>\w+)")
def does_not_reach(stage: Stage, who: str, holder: str, key: str) -> None:
    stage.script.missing(who, key, holder, unreachable=True)


@deed(r"(?P<who>\w+) is near its memory limit")
def pauses(stage: Stage, who: str) -> None:
    stage.script.status(who, worker_pb2.WORKER_STATUS_PAUSED)


@deed(r"(?P<who>\w+) has memory again")
def resumes_work(stage: Stage, who: str) -> None:
    stage.script.status(who, worker_pb2.WORKER_STATUS_RUNNING)


@deed(r"(?P<who>\w+) is told to end")
def closes(stage: Stage, who: str) -> None:
    stage.script.status(who, worker_pb2.WORKER_STATUS_CLOSING)


@deed(r"(?P<who>\w+) dies")
def dies(stage: Stage, who: str) -> None:
    stage.script.worker_dies(who)


@deed(r"worker (?P<who>\w+) breaks off")
def worker_breaks(stage: Stage, who: str) -> None:
    stage.script.worker_breaks(who)


@deed(r"worker (?P<who>\w+) resumes")
def worker_resumes(stage: Stage, who: str) -> None:
    went_on = stage.script.worker_resumes(who)
    stage.remarks.append("its session goes on" if went_on else "its session is gone")


@deed(
    r"worker (?P<who>\w+) returns"
    r"( holding (?P<held>[\w ]+?))?( having finished (?P<finished>[\w ]+?))?"
    r"( running (?P<running>[\w ]+))?"
)
def returns(stage: Stage, who: str, held: str = "", finished: str = "", running: str = "") -> None:
    stage.script.worker_returns(who, held.split(), running.split(), finished.split())


@deed(r"client (?P<who>\w+) breaks off")
def client_breaks(stage: Stage, who: str) -> None:
    stage.script.client_breaks(who)


@deed(r"client (?P<who>\w+) resumes")
def client_resumes(stage: Stage, who: str) -> None:
    went_on = stage.script.client_resumes(who)
    stage.remarks.append("its session goes on" if went_on else "its session is gone")


@deed(r"(?P<who>\w+) says goodbye")
def leaves(stage: Stage, who: str) -> None:
    stage.script.client_leaves(who)


@deed(r"(?P<who>\w+) releases (?P<keys>[\w ]+)")
def releases(stage: Stage, who: str, keys: str) -> None:
    stage.script.release(who, *keys.split())


@deed(r"(?P<who>\w+) cancels (?P<key>\w+)(?P<force> for all)?")
def cancels(stage: Stage, who: str, key: str, force: str = "") -> None:
    stage.script.cancel(who, key, force=bool(force))


@deed(r"(?P<who>\w+) retries (?P<keys>[\w ]+)")
def retries(stage: Stage, who: str, keys: str) -> None:
    stage.script.retry(who, *keys.split())


@deed(r"(?P<who>\w+) scatters (?P<key>\w+) to (?P<workers>[\w ]+)")
def scatters(stage: Stage, who: str, key: str, workers: str) -> None:
    stage.script.scatter(who, key, *workers.split())


@deed(r"(?P<seconds>\d+) s pass( without a word of (?P<silent>[\w ]+))?")
def time_passes(stage: Stage, seconds: str, silent: str = "") -> None:
    stage.script.pass_time(float(seconds), silent.split())


@deed(r"replicate (?P<key>\w+) (?P<count>\d+) times")
def replicated(stage: Stage, key: str, count: str) -> None:
    replicate(stage.script.brain, [key], int(count), (), stage.script.now)
    stage.script.listen()


@deed(r"retire (?P<who>\w+)")
def retired(stage: Stage, who: str) -> None:
    retire(stage.script.brain, [who], stage.script.now)
    stage.script.listen()


@deed(r"explain (?P<key>\w+)")
def explained(stage: Stage, key: str) -> None:
    task = stage.script.brain.books.tasks[key]
    stage.remarks.append(explain(stage.script.brain.books, task))


@deed(r"state of (?P<key>\w+)")
def state(stage: Stage, key: str) -> None:
    stage.remarks.append(stage.script.state(key))
