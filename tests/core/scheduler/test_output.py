"""What tasks print is kept by key, within bounds, and told to the clients that asked."""

from __future__ import annotations

from gdistributed.core.scheduler.output import HALF_NBYTES
from gdistributed.settings import LimitSettings, SchedulerSettings
from gdistributed.v1 import scheduler_pb2, task_pb2, worker_pb2
from tests.core.scheduler.script import Script

STDOUT = task_pb2.OUTPUT_STREAM_STDOUT
STDERR = task_pb2.OUTPUT_STREAM_STDERR


class Talk(Script):
    """A script with a client and a worker of two threads, whose tasks print."""

    def __init__(self, settings: SchedulerSettings | None = None) -> None:
        super().__init__(settings)
        self.client("c")
        self.worker("w", threads=2)
        self.heard.clear()

    def say(
        self, key: str, text: str, stream: int = STDOUT, attempt: int = 1, left_out: int = 0
    ) -> None:
        batch = worker_pb2.FromWorker()
        batch.output.add(key=key, attempt=attempt, stream=stream, text=text, left_out=left_out)
        self.say_worker("w", batch)

    def forward(self, client: str = "c", on: bool = True) -> None:
        self.say_client(client, scheduler_pb2.FromClient(forward_output=on))

    def kept(self, key: str) -> list[tuple[int, str, int]]:
        return [(each.stream, each.text, each.left_out) for each in self.brain.output.of(key)]


def test_what_a_task_says_is_kept_by_stream_and_run() -> None:
    script = Talk()
    script.submit("c", "x")
    script.say("x", "1\n")
    script.say("x", "2\n")
    script.say("x", "no\n", STDERR)
    script.say("x", "again\n", STDERR, attempt=2)
    assert script.kept("x") == [(STDOUT, "1\n2\n", 0), (STDERR, "no\n", 0), (STDERR, "again\n", 0)]
    assert {each.worker for each in script.brain.output.of("x")} == {"w"}
    assert script.kept("y") == []
    assert script.said("c") == []  # nobody asked


def test_it_outlives_the_task() -> None:
    script = Talk()
    script.submit("c", "x")
    script.say("x", "last words")
    script.finish("w", "x")
    script.release("c", "x")
    assert script.state("x") == "forgotten"
    assert script.kept("x") == [(STDOUT, "last words", 0)]


def test_of_each_key_the_beginning_and_the_end_are_kept() -> None:
    script = Talk()
    whole = ""
    for number in range(2000):
        text = f"{number:0100}\n"
        script.say("x", text)
        whole += text
    (first, last) = script.kept("x")
    assert first[2] == 0
    assert whole.startswith(first[1])
    assert whole.endswith(last[1])
    assert len(first[1]) + len(last[1]) + last[2] == len(whole)
    assert len(last[1]) > HALF_NBYTES / 2
    assert script.brain.output.nbytes < 3 * HALF_NBYTES


def test_a_worker_that_says_too_much_at_once_is_cut_short() -> None:
    script = Talk()
    script.say("x", "x" * 1_000_000 + "end", left_out=7)
    ((_, text, left_out),) = script.kept("x")
    assert text.endswith("end")
    assert len(text) == HALF_NBYTES
    assert left_out == 1_000_003 - HALF_NBYTES + 7


def test_of_all_keys_those_that_were_silent_for_longest_go() -> None:
    script = Talk(SchedulerSettings(output_nbytes=10_000))
    for number in range(20):
        script.say(str(number), "x" * 1000)
        script.say("0", "still here\n")
    assert script.brain.output.nbytes <= 10_000
    assert script.kept("0")
    assert script.kept("1") == []
    assert script.kept("19")


def test_a_client_is_told_of_what_it_wants_and_what_that_needs() -> None:
    script = Talk()
    script.client("other")
    script.submit("c", "x y=x z=y", wants=["z"])
    script.submit("other", "u")
    script.forward()
    script.say("x", "a")
    script.say("u", "b")
    script.say("unknown", "c")
    assert script.said("c") == ["output x a"]
    script.forward("other")
    script.say("u", "d")
    assert (script.said("c"), script.said("other")) == ([], ["output u d"])
    script.forward("other", on=False)
    script.say("u", "e")
    assert script.said("other") == []


def test_output_comes_before_the_report_of_its_task() -> None:
    script = Talk(SchedulerSettings(limits=LimitSettings(batch_nbytes=500)))
    script.submit("c", "x")
    script.forward()
    batch = worker_pb2.FromWorker()
    batch.finished.add(key="x", attempt=script.attempts["w", "x"], nbytes=8, value=b"v" * 400)
    batch.output.add(key="x", attempt=1, text="t" * 400)
    script.say_worker("w", batch)
    assert [word.split()[0] for word in script.said("c")] == ["output", "finished"]


def test_a_client_that_is_away_misses_it_and_is_told_how_much() -> None:
    script = Talk()
    script.submit("c", "x")
    script.forward()
    script.client_breaks("c")
    script.say("x", "12345", left_out=4)
    assert script.client_resumes("c")
    assert script.said("c") == []
    script.say("x", "back")
    assert script.said("c") == ["output x back -9"]


def test_a_client_that_does_not_read_is_not_sent_more() -> None:
    script = Talk(SchedulerSettings(limits=LimitSettings(batch_nbytes=10_000)))
    script.submit("c", "x")
    script.forward()
    batch = worker_pb2.FromWorker()
    batch.output.add(key="x", attempt=1, text="x" * 1000)
    for _ in range(1000):
        script.brain.on_worker("w", batch, script.now)
    script.listen()
    told_nbytes = sum(len(word.split()[2]) for word in script.said("c"))
    assert 10_000 <= told_nbytes < 30_000
    script.say("x", "now")
    assert script.said("c") == [f"output x now -{1_000_000 - told_nbytes}"]


def test_a_new_session_asks_anew() -> None:
    script = Talk()
    script.submit("c", "x")
    script.forward()
    script.client("c")
    script.say("x", "a")
    assert script.said("c") == []
    script.forward()
    script.client_leaves("c")
    assert script.brain.output.listeners == {}
