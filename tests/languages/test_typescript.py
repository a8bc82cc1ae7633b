"""The worker in TypeScript, in real clusters with Python workers and other TypeScript workers."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.examples import languages
from gdistributed import Client, TaskError, remote
from gdistributed.client.remote_functions import RemoteFunction
from gdistributed.errors import CodecUnsupported, TaskTimeout, UnknownFunction
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
    code = {
        file.stem: sum(
            1
            for line in file.read_text().splitlines()
            if line.strip() and not re.match(r"import |\s*(//|/\*\*)", line)
        )
        for file in (FOLDER / "src").glob("*.ts")
    }
    assert code["worker"] + code["session"] < 300  # what docs/other-languages.md tells
    assert sum(code.values()) < 650


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
    total = client.submit(ts("wordcount.Merge"), *counts)
    most = client.submit(lambda counts: max(counts, key=lambda word: (counts[word], word)), total)
    assert total.result() == {"the": 3, "cat": 2, "and": 1, "dog": 2, "bird": 1, "a": 3, "zoo": 1}
    assert most.result() == "the"


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
    assert client.submit(ts("plain.Echo"), value).result() == value


def test_large_values_move_both_ways(client: Client) -> None:
    moved = client.submit(ts("plain.Echo"), client.submit(lambda: bytes(range(256)) * 80_000))
    assert moved.result() == bytes(range(256)) * 80_000
    assert client.submit(len, moved).result() == 256 * 80_000


def test_results_inside_arguments_and_arguments_by_name(client: Client) -> None:
    four = client.submit(abs, -4)
    assert client.submit(ts("plain.Echo"), [1, {"a": four}]).result() == [1, {"a": 4}]
    assert client.submit(ts("plain.Echo"), value=four).result() == {"value": 4}


def test_what_it_cannot_read_it_keeps_and_copies(client: Client) -> None:
    scattered = client.scatter({"x": {1, 2}}, workers=["tess"])["x"]
    assert client.submit(len, scattered).result() == 2
    echoed = client.submit(ts("plain.Echo"), "to be copied")
    client.replicate([scattered, echoed], n=2)
    assert all(len(holders) == 2 for holders in client.who_has([scattered, echoed]).values())
    with pytest.raises(CodecUnsupported, match="python/pickle5"):
        client.submit(ts("plain.Echo"), scattered).result()


def test_an_error_reaches_the_client(client: Client) -> None:
    with pytest.raises(TaskError, match=r"^RangeError: out of reach") as caught:
        client.submit(ts("fails.Error"), "out of reach").result()
    assert caught.value.runtime == "typescript"
    assert re.search(r"at .*functions\.js:\d+", "\n".join(caught.value.__notes__))


def test_a_task_that_failed_is_tried_again(client: Client, tmp_path: Path) -> None:
    assert client.submit(ts("fails.Once"), str(tmp_path / "there"), retries=1).result() is None


def test_a_wrong_name_is_refused_with_near_ones(client: Client) -> None:
    with pytest.raises(UnknownFunction, match=r"wordcount\.Count"):
        client.submit(ts("wordcount.Cuont"), "a").result()


def test_a_task_that_takes_too_long_is_ended(client: Client) -> None:
    for _ in range(3):  # more often than it has threads
        with pytest.raises(TaskTimeout):
            client.submit(ts("plain.Spin"), timeout=0.2, pure=False).result()
    assert client.submit(ts("plain.Echo"), "again").result() == "again"


def test_a_cancelled_task_ends(processes: ExitStack, address: str) -> None:
    begun(processes, address, "--name", "spinner", "--nthreads", "1")
    with Client(address) as client:
        spinning = client.submit(ts("plain.Spin"), workers=["spinner"], pure=False)
        after = client.submit(ts("plain.Echo"), "after", workers=["spinner"])
        while spinning.key not in client.processing()[spinner_address(client)]:
            pass
        spinning.cancel()
        assert after.result() == "after"


def spinner_address(client: Client) -> str:
    workers = client.scheduler_info()["workers"]
    return next(where for where, worker in workers.items() if worker["name"] == "spinner")


# ---- Workers that come and go


def test_a_killed_worker_costs_nothing_but_time(processes: ExitStack) -> None:
    address = address_of(started(processes, "scheduler", "--port", "0"))
    victim = begun(processes, address, "--name", "victim")
    begun(processes, address, "--name", "other")
    with Client(address) as client:
        slept = client.map(ts("plain.Sleep"), [0.05] * 20, pure=False)
        slept[0].result()
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert client.gather(slept) == [None] * 20


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
        assert client.submit(ts("plain.Echo"), moment).result() == found


def test_a_session_goes_on_when_a_connection_broke(processes: ExitStack) -> None:
    address = address_of(started(processes, "scheduler", "--port", "0"))
    with proxy_to(address) as proxy:
        worker = begun(processes, proxy.address)
        with Client(address) as client:
            kept = client.submit(ts("plain.Echo"), "kept")
            kept.result()
            sleeping = client.submit(ts("plain.Sleep"), 0.3)
            proxy.cut()
            worker.wait_for("resumed")
            assert sleeping.result() is None
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
        assert client.submit(ts("plain.Echo"), 1).result() == 1


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
    functions.write_text(functions.read_text().replace("  ...conformance,\n", entry))
    subprocess.run(
        [copy / "node_modules/.bin/tsc", "--noUnusedLocals", "false"], cwd=copy, check=True
    )
    with ExitStack() as processes:
        program = [NODE, str(copy / "build/main.js")]
        started(processes, address, program=program).wait_for("registered")
        with Client(address) as client:
            greetings = client.submit(ts("greeter.Greet"), "Ada", 2)
            assert client.submit(len, greetings).result() == 2
