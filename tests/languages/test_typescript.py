"""The worker in TypeScript, in real clusters with Python workers and other TypeScript workers."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.examples import languages
from gdistributed import Client, TaskError, remote
from gdistributed.client.remote_functions import RemoteFunction
from gdistributed.errors import CodecUnsupported, UnknownFunction
from tests.cluster.proxy import proxy_to
from tests.processes import GD, GdProcess, address_of, started
from tests.tools import ROOT, require

FOLDER = ROOT / "workers/typescript"
BUILT = FOLDER / "build/main.js"
NODE = require("node", "install node and npm")
if not BUILT.exists():
    require(BUILT, "make test builds it (needs npm)")
TEXTS = ["The cat and the dog.", "the bird", "A dog, a cat: a zoo"]


def ts(name: str) -> RemoteFunction:
    return remote(name, runtime="typescript")


def begun(processes: ExitStack, address: str, *options: str) -> GdProcess:
    worker = started(processes, address, *options, program=[NODE, str(BUILT)])
    worker.wait_for("registered")
    return worker


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler, a Python worker, and a TypeScript worker, tess."""
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0"))
        options = ("worker", address, "--no-nanny", "--nthreads", "2", "--name", "ada")
        started(processes, *options).wait_for("registered")
        begun(processes, address, "--name", "tess", "--nthreads", "2")
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as processes:
        yield processes


def test_it_is_small() -> None:
    sources = [file for file in (FOLDER / "src").rglob("*.ts") if "gen" not in file.parts]
    lines = [line for file in sources for line in file.read_text().splitlines()]
    assert len(lines) < 300  # what docs/other-languages.md tells, comments and blank lines included
    assert max(map(len, lines)) <= 120


def test_it_keeps_all_core_rules() -> None:
    command = f"{NODE} {BUILT} {{address}} --nthreads 2"
    judged = subprocess.run(
        [*GD, "conformance", command, "--level", "core"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout


def test_its_packages_come_from_whatever_registry_is_configured() -> None:
    assert '"resolved"' not in (FOLDER / "package-lock.json").read_text()


def test_one_graph_goes_through_python_and_typescript(client: Client) -> None:
    counts = client.map(ts("wordcount.Count"), client.map(str.lower, TEXTS))
    total = client.submit(lambda *counts: dict(sum(map(Counter, counts), Counter())), *counts)
    expected = {"the": 3, "cat": 2, "and": 1, "dog": 2, "bird": 1, "a": 3, "zoo": 1}
    assert client.submit(ts("conformance.echo"), total).result() == expected


def test_it_counts_real_text_as_python_does(client: Client) -> None:
    pieces = list(languages.documentation().values())
    counts = client.map(ts("wordcount.Count"), client.map(languages.text_of, pieces))
    expected = [languages.count_words(languages.text_of(piece)) for piece in pieces]
    assert client.gather(counts) == expected


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -0.5, "zwei\nZeilen und ü", b"\x00\xff", [], [1, [2, {"a": None}]], {"a": "b"}],
    ids=repr,
)
def test_values_go_there_and_back(client: Client, value: object) -> None:
    assert client.submit(ts("conformance.echo"), value).result() == value


def test_large_values_move_both_ways(client: Client) -> None:
    moved = client.submit(ts("conformance.echo"), client.submit(lambda: bytes(range(256)) * 80_000))
    assert moved.result() == bytes(range(256)) * 80_000
    assert client.submit(len, moved).result() == 256 * 80_000


def test_results_inside_arguments_and_arguments_by_name(client: Client) -> None:
    four = client.submit(abs, -4)
    assert client.submit(ts("conformance.echo"), [1, {"a": four}]).result() == [1, {"a": 4}]
    assert client.submit(ts("conformance.echo"), value=four).result() == {"value": 4}


def test_what_it_cannot_read_fails_the_task(client: Client) -> None:
    with pytest.raises(CodecUnsupported, match="set"):
        client.submit(ts("conformance.echo"), client.submit(set, [1])).result()


def test_a_result_is_copied(client: Client) -> None:
    echoed = client.submit(ts("conformance.echo"), "to be copied")
    client.replicate([echoed], n=2)
    (holders,) = client.who_has([echoed]).values()
    assert len(holders) == 2


def test_an_error_reaches_the_client(client: Client) -> None:
    with pytest.raises(TaskError, match=r"^RangeError: out of reach") as caught:
        client.submit(ts("conformance.fail"), "out of reach").result()
    assert caught.value.runtime == "typescript"
    assert re.search(r"at .*functions\.js:\d+", "\n".join(caught.value.__notes__))


def test_a_wrong_name_is_refused_with_near_ones(client: Client) -> None:
    with pytest.raises(UnknownFunction, match=r"wordcount\.Count"):
        client.submit(ts("wordcount.Cuont"), "a").result()


def test_a_cancelled_task_makes_room(processes: ExitStack, address: str) -> None:
    begun(processes, address, "--name", "waiter", "--nthreads", "1")
    with Client(address) as client:
        waiting = client.submit(ts("conformance.wait"), 3600, workers=["waiter"], pure=False)
        after = client.submit(ts("conformance.echo"), "after", workers=["waiter"])
        while not any(waiting.key in keys for keys in client.processing().values()):
            pass
        waiting.cancel()
        assert after.result() == "after"


# ---- Workers that come and go


def test_a_killed_worker_costs_nothing_but_time(processes: ExitStack) -> None:
    address = address_of(started(processes, "scheduler", "--port", "0"))
    victim = begun(processes, address, "--name", "victim")
    begun(processes, address, "--name", "other")
    with Client(address) as client:
        slept = client.map(ts("conformance.wait"), [0.05] * 20, pure=False)
        slept[0].result()
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert all(ended > began for began, ended in client.gather(slept))


def test_a_worker_gives_its_data_away_and_leaves(processes: ExitStack) -> None:
    address = address_of(started(processes, "scheduler", "--port", "0"))
    leaving = begun(processes, address, "--name", "leaving")
    with Client(address) as client:
        moment = client.submit(ts("conformance.wait"), 0)  # another one if it were run again
        found = moment.result()
        begun(processes, address, "--name", "staying")
        leaving.send_signal(signal.SIGTERM)
        assert leaving.wait() == 0
        (info,) = client.scheduler_info()["workers"].values()
        assert info["name"] == "staying"
        assert client.submit(ts("conformance.echo"), moment).result() == found


def test_a_session_goes_on_when_a_connection_broke(processes: ExitStack) -> None:
    address = address_of(started(processes, "scheduler", "--port", "0"))
    with proxy_to(address) as proxy:
        worker = begun(processes, proxy.address)
        with Client(address) as client:
            kept = client.submit(ts("conformance.echo"), "kept")
            kept.result()
            sleeping = client.submit(ts("conformance.wait"), 0.3)
            proxy.cut()
            worker.wait_for("resumed")
            assert len(sleeping.result()) == 2
            assert client.submit(ts("wordcount.Count"), kept).result() == {"kept": 1}


def test_a_worker_goes_over_to_a_new_scheduler(processes: ExitStack) -> None:
    scheduler = started(processes, "scheduler", "--port", "0")
    address = address_of(scheduler)
    worker = begun(processes, address)
    scheduler.send_signal(signal.SIGKILL)
    scheduler.wait()
    started(processes, "scheduler", "--port", address.rpartition(":")[2])
    worker.wait_for("registered", times=2)
    with Client(address) as client:
        assert client.submit(ts("conformance.echo"), 1).result() == 1


def test_a_worker_whose_name_is_taken_ends_and_says_so(address: str) -> None:
    with ExitStack() as processes:
        program = [NODE, str(BUILT)]
        second = started(processes, address, "--name", "tess", program=program)
        assert second.wait() == 1
        assert "NAME_TAKEN" in second.log


def test_the_function_of_the_readme_runs(tmp_path: Path, address: str) -> None:
    (entry,) = re.findall(r"```ts\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    copy = tmp_path / "workers/typescript"
    shutil.copytree(FOLDER / "src", copy / "src")
    shutil.copy(FOLDER / "tsconfig.json", copy)
    (copy / "node_modules").symlink_to(FOLDER / "node_modules")
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    functions = copy / "src/functions.ts"
    before, line, after = functions.read_text().partition('  "wordcount.Count"')
    assert line
    functions.write_text(before + entry + line + after)
    subprocess.run([copy / "node_modules/.bin/tsc"], cwd=copy, check=True)
    with ExitStack() as processes:
        program = [NODE, str(copy / "build/main.js")]
        started(processes, address, program=program).wait_for("registered")
        with Client(address) as client:
            greetings = client.submit(ts("greeter.Greet"), "Ada", 2)
            assert client.submit(len, greetings).result() == 2
