"""Functions that workers offer by name, and codecs that they read."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.offers import near_names
from gdistributed.v1 import scheduler_pb2, value_pb2, worker_pb2
from tests.core.scheduler.script import Script

JSON = value_pb2.Payload(codec="json", data=b"[1]").SerializeToString()
PICKLED = value_pb2.Payload(codec="python/pickle5", data=b"\x80").SerializeToString()
NOTHING = value_pb2.Payload(codec="null").SerializeToString()


def offer(runtime: str, *names: str, **more: object) -> worker_pb2.RuntimeOffer:
    functions = [worker_pb2.FunctionOffer(name=name) for name in names]
    return worker_pb2.RuntimeOffer(runtime=runtime, functions=functions, **more)


GO = offer("go", "words.Count", "words.Merge", decodes=["null", "raw", "text", "json"])


@pytest.fixture
def script() -> Script:
    script = Script()
    script.worker("w")
    script.client("c")
    return script


def refusal(script: Script, **options: object) -> str:
    """Submit a task, which is refused, and return what the client is told."""
    messages: list[str] = []
    take = script.brain.take_for_client

    def take_and_read(client: str) -> scheduler_pb2.ToClient | None:
        batch = take(client)
        if batch is not None:
            messages.extend(each.message for each in batch.refused)
        return batch

    script.brain.take_for_client = take_and_read  # type: ignore[method-assign]
    script.submit("c", "x", **options)
    assert script.said("c") == ["refused UNKNOWN_FUNCTION "]
    assert script.state("x") == "forgotten"
    [message] = messages
    return message


def test_a_task_goes_to_those_that_offer_its_function(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.worker("other", runtimes=[offer("go", "words.Split")])
    script.submit("c", "x", runtime="go", function="words.Count")
    assert script.said("go") == ["run x"]
    script.finish("go", "x")
    assert script.said("c") == ["finished x"]
    script.close()


def test_a_name_that_nobody_offers_is_refused_with_near_names(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    assert refusal(script, runtime="go", function="words.count") == (
        "no worker offers the function 'words.count' in the runtime 'go'; offered under near "
        "names: 'words.Count', 'words.Merge'"
    )
    script.close()


def test_a_runtime_that_nobody_runs_is_refused_with_those_that_are_run(script: Script) -> None:
    assert refusal(script, runtime="go", function="words.Count") == (
        "no worker runs 'go', the runtime of the function 'words.Count'; "
        "runtimes in the cluster: python"
    )
    script.close()


def test_a_name_of_another_runtime_is_refused_with_that_runtime(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.worker("r", runtimes=[offer("r", *(f"other{n}" for n in range(20)))])
    assert refusal(script, runtime="r", function="words.Count").endswith("; it is offered in 'go'")


def test_a_name_is_refused_once_the_last_worker_that_offers_it_is_gone(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.submit("c", "a", runtime="go", function="words.Count")
    script.said("go")
    script.worker_leaves("go")
    assert script.state("a") == "no_worker"  # it was accepted: another worker may come
    script.said("c")
    refusal(script, runtime="go", function="words.Count")
    script.worker("again", runtimes=[GO])
    script.submit("c", "b", runtime="go", function="words.Count")
    assert script.said("again") == ["run a", "run b"]


def test_a_name_that_is_offered_where_the_task_may_not_run_is_waited_for(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.submit("c", "x", runtime="go", function="words.Count", workers=["elsewhere"])
    assert script.state("x") == "no_worker"
    script.close()


def test_an_array_and_a_piece_are_refused_too(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.submit("c", "x y", array=True, runtime="go", function="words.Cont")
    assert script.said("c") == ["refused UNKNOWN_FUNCTION "]


def test_a_client_that_returns_is_not_refused_before_its_workers_are_back() -> None:
    script = Script()
    script.client("other")
    hello = scheduler_pb2.ClientHello(client_id="c")
    hello.resume.session_id = "of the scheduler before"
    script.brain.client_connected(hello, script.now)
    script.listen()
    script.submit("c", "x", runtime="go", function="words.Count")
    assert script.said("c") == []
    wanted = scheduler_pb2.WantedKeys(keys=["x"], last_graph=1)
    script.say_client("c", scheduler_pb2.FromClient(wanted=wanted))
    assert script.state("x") == "no_worker"
    script.worker("go", runtimes=[GO])
    assert script.said("go") == ["run x"]
    script.submit("c", "y", runtime="go", function="words.Cont")
    assert script.said("c") == ["refused UNKNOWN_FUNCTION "]


def test_what_a_python_worker_announces_goes_to_those_that_do(script: Script) -> None:
    script.worker("p", threads=4, runtimes=[offer("python", "shop.price", any_name=True)])
    script.submit("c", "x y", function="shop.price")
    assert script.said("p") == ["run x", "run y"]
    script.submit("c", "z", function="math.sqrt")
    assert script.said("w") == ["run z"]
    script.close()


def test_a_runtime_that_tries_any_name_is_not_asked_before(script: Script) -> None:
    script.worker("j", runtimes=[offer("julia", any_name=True)])
    script.submit("c", "x", runtime="julia", function="Base.sin")
    assert script.said("j") == ["run x"]
    script.close()


@pytest.mark.parametrize(
    ("value", "handed"), [(JSON, "x!"), (NOTHING, "x!"), (PICKLED, "x")], ids=["json", "null", "py"]
)
def test_a_small_value_is_handed_to_those_that_read_it(
    script: Script, value: bytes, handed: str
) -> None:
    script.worker("go", runtimes=[GO])
    script.submit("c", "x")
    script.finish("w", "x", value=value)
    script.submit("c", "y=x", runtime="go", function="words.Count")
    assert script.said("go") == [f"run y with {handed}"]
    script.said("w"), script.said("c")
    script.close()


def test_a_worker_that_says_nothing_of_codecs_is_handed_all(script: Script) -> None:
    script.worker("p", runtimes=[offer("python", any_name=True)], resources={"p": 1.0})
    script.submit("c", "x")
    name = next(name for name in ("w", "p") if "run x" in script.said(name))
    script.finish(name, "x", value=PICKLED)
    script.submit("c", "y=x", resources={"p": 1.0})
    handed = "run y with x" if name == "p" else "run y with x!"
    assert script.said("p") == [handed]


def test_copies_go_to_those_that_read_them(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.worker("other", runtimes=[offer("go", "words.Split", decodes=["json"])])
    script.submit("c", "x")
    script.finish("w", "x")
    script.submit("c", "y", runtime="go", function="words.Count")
    script.finish("go", "y")
    for peer in ("w", "go", "c"):
        script.said(peer)

    orders.replicate(script.brain, ["x", "y"], 4, (), script.now)
    script.listen()
    assert script.said("go") == []
    assert script.said("w") == ["fetch y from go"]
    assert script.said("other") == ["fetch y from go"]
    script.stored("w", "y")
    script.stored("other", "y")
    orders.rebalance(script.brain, ["x"], (), script.now)
    script.listen()
    assert script.said("go") + script.said("other") == []
    script.close()


def test_a_worker_whose_data_nobody_else_reads_stays_unless_it_must_leave(script: Script) -> None:
    script.worker("go", runtimes=[GO])
    script.submit("c", "x")
    script.finish("w", "x")
    script.said("w"), script.said("c")
    orders.retire(script.brain, ["w"], script.now)
    script.listen()
    assert (script.said("w"), script.said("go")) == ([], [])
    script.status("w", worker_pb2.WORKER_STATUS_CLOSING)
    assert script.said("w") == ["goodbye retired"]


def test_near_names_are_found_whatever_their_case() -> None:
    many = [f"module{n}.function{n}" for n in range(100)]
    assert near_names("WORDS.COUNT", ["words.Count", *many])[0] == "words.Count"
    assert near_names("qqq", many) == []
    assert near_names("qqq", ["a", "b"]) == ["a", "b"]
