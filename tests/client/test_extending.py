"""Files of code and plugins: at all servers of their kind, and at those that join later."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gdistributed import (
    AsyncClient,
    Client,
    LocalCluster,
    NannyPlugin,
    SchedulerPlugin,
    WorkerPlugin,
    get_worker,
)
from gdistributed.errors import NotAllowed, NotFound
from tests.client.functions import inc
from tests.processes import Cluster, GdProcess, address_of, running_cluster, started


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose scheduler takes plugins, and that workers may join."""
    with ExitStack() as processes:
        scheduler = started(processes, "scheduler", "--port", "0", "--allow-run")
        address = address_of(scheduler)
        cluster = Cluster(scheduler, address, [], processes)
        cluster.workers = [join(cluster, "ada"), join(cluster, "bob")]
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(cluster.address) as client:
        yield client


def join(cluster: Cluster, name: str, *options: str) -> GdProcess:
    """Have a worker join, without a nanny."""
    options = ("--name", name, "--nthreads", "1", "--no-nanny", *options)
    worker = cluster.start("worker", cluster.address, *options)
    worker.wait_for("registered")
    return worker


def leave(client: Client, worker: GdProcess) -> None:
    """End a worker that has joined, and wait until the scheduler knows."""
    worker.close()
    while {told["name"] for told in client.scheduler_info()["workers"].values()} != {"ada", "bob"}:
        time.sleep(0.01)


def call_uploaded(module: str, function: str = "answer") -> object:
    """Import a module as a task does, and call a function of it."""
    import importlib

    return getattr(importlib.import_module(module), function)()


def everywhere(client: Client, module: str) -> set[Any]:
    futures = [
        client.submit(call_uploaded, module, workers=address, pure=False)
        for address in client.ncores()
    ]
    return set(client.gather(futures))


def module(folder: Path, name: str, answer: object) -> Path:
    path = folder / f"{name}.py"
    path.write_text(f"def answer():\n    return {answer!r}\n")
    return path


# ---- upload_file


def test_a_module_and_a_newer_version_of_it(client: Client, tmp_path: Path) -> None:
    client.upload_file(module(tmp_path, "uploaded_module", 1))
    assert everywhere(client, "uploaded_module") == {1}
    client.upload_file(str(module(tmp_path, "uploaded_module", 2)))  # as long, and as old
    assert everywhere(client, "uploaded_module") == {2}
    with pytest.raises(ImportError):
        call_uploaded("uploaded_module")  # not here


def test_functions_of_a_replaced_module_are_loaded_again(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = module(tmp_path, "uploaded_functions", "old")
    monkeypatch.syspath_prepend(str(tmp_path))
    import uploaded_functions  # type: ignore[import-not-found]

    client.upload_file(path)
    assert client.submit(uploaded_functions.answer, pure=False).result(30) == "old"
    client.upload_file(module(tmp_path, "uploaded_functions", "new"))
    assert client.submit(uploaded_functions.answer, pure=False).result(30) == "new"
    del sys.modules["uploaded_functions"]


@pytest.mark.parametrize("suffix", [".zip", ".egg", "-1.0-py3-none-any.whl"])
def test_an_archive_and_a_newer_version_of_it(client: Client, tmp_path: Path, suffix: str) -> None:
    package = f"uploaded_{suffix[-3:]}"
    for version in (1, 2):
        archive = tmp_path / f"{package}{suffix}"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(f"{package}/__init__.py", f"from {package}.inner import answer\n")
            file.writestr(f"{package}/inner.py", f"def answer():\n    return {version}\n")
        client.upload_file(archive)
        assert everywhere(client, package) == {version}


def test_a_worker_that_joins_later_has_it(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    client.upload_file(module(tmp_path, "uploaded_before", "early"))
    late = join(cluster, "late")
    task = client.submit(call_uploaded, "uploaded_before", workers="late", pure=False)
    assert task.result(30) == "early"
    leave(client, late)


def test_a_file_that_cannot_be_imported(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    good = module(tmp_path, "uploaded_broken", "good")
    client.upload_file(good)
    good.write_text("import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all") as raised:
        client.upload_file(good)
    assert any("It failed on 2 servers" in note for note in raised.value.__notes__)
    assert everywhere(client, "uploaded_broken") == {"good"}  # all is as before
    later = join(cluster, "later")
    assert "raised" not in later.log
    leave(client, later)
    client.upload_file(good, load=False)
    with pytest.raises(ModuleNotFoundError):
        everywhere(client, "uploaded_broken")


def test_what_is_no_file_of_code(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.py, \.zip, \.egg, \.whl, and got 'x\.txt'"):
        client.upload_file(tmp_path / "x.txt")
    with pytest.raises(FileNotFoundError):
        client.upload_file(tmp_path / "missing.py")


async def test_upload_by_an_asynchronous_client(cluster: Cluster, tmp_path: Path) -> None:
    async with AsyncClient(cluster.address) as client:
        await client.upload_file(module(tmp_path, "uploaded_async", 3))
        assert await client.submit(call_uploaded, "uploaded_async") == 3


# ---- Worker plugins


class Diary(WorkerPlugin):
    """Writes down what happens to it."""

    def __init__(self, path: str, word: str = "diary") -> None:
        self.path = path
        self.word = word

    def write(self, *words: object) -> None:
        with open(self.path, "a") as file:
            print(self.word, *words, file=file)

    def setup(self, worker: Any) -> None:  # noqa: ANN401
        worker.diary = self.word
        self.write("setup", worker.name)

    async def teardown(self, worker: Any) -> None:  # noqa: ANN401
        await asyncio.sleep(0)
        self.write("teardown", worker.name)

    def transition(self, key: str, start: str, finish: str, **kwargs: Any) -> None:  # noqa: ANN401
        self.write(key, start, finish)


def test_a_plugin_lives_on_all_workers(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    client.register_plugin(Diary(str(diary)), name="the diary")
    assert sorted(diary.read_text().splitlines()) == ["diary setup ada", "diary setup bob"]
    assert client.submit(lambda: get_worker().diary, workers="ada").result(30) == "diary"
    assert set(client.run(lambda worker: [*worker.plugins][-1]).values()) == {"the diary"}
    assert client.submit(inc, 1, key="task-1", workers="bob").result(30) == 2
    lines = diary.read_text().splitlines()
    steps = ["received ready", "ready executing", "executing ended", "known held"]
    assert [line for line in lines if "task-1" in line][:2] == [
        f"diary task-1 {step}" for step in steps[:2]
    ]
    assert {f"diary task-1 {step}" for step in steps} <= set(lines)

    late = join(cluster, "late for the diary")
    assert "diary setup late for the diary" in diary.read_text().splitlines()
    leave(client, late)
    assert "diary teardown late for the diary" in diary.read_text().splitlines()

    client.register_plugin(Diary(str(diary), "second"), name="the diary")
    lines = diary.read_text().splitlines()
    for name in ("ada", "bob"):
        assert lines.index(f"diary teardown {name}") < lines.index(f"second setup {name}")

    client.unregister_worker_plugin("the diary")
    lines = diary.read_text().splitlines()
    assert {"second teardown ada", "second teardown bob"} <= set(lines)
    client.submit(inc, 2, key="task-2").result(30)
    assert "task-2" not in diary.read_text()
    with pytest.raises(NotFound, match="the diary"):
        client.unregister_worker_plugin("the diary")


class Faulty(WorkerPlugin):
    name = "faulty"

    def setup(self, worker: Any) -> None:  # noqa: ANN401
        if worker.name == "bob":
            raise ZeroDivisionError("bob will not have it")


def test_a_plugin_that_cannot_be_set_up_is_nowhere(client: Client) -> None:
    with pytest.raises(ZeroDivisionError, match="bob will not have it"):
        client.register_plugin(Faulty())
    assert not any(
        "faulty" in names for names in client.run(lambda worker: [*worker.plugins]).values()
    )
    with pytest.raises(NotFound):
        client.unregister_worker_plugin("faulty")


class Grumpy(WorkerPlugin):
    def transition(self, key: str, start: str, finish: str, **kwargs: Any) -> None:  # noqa: ANN401
        raise RuntimeError("grump")


def test_a_plugin_that_raises_harms_nobody(client: Client) -> None:
    client.register_plugin(Grumpy())
    assert client.submit(inc, 1, workers="ada", pure=False).result(30) == 2
    [logs] = client.get_worker_logs(workers="ada").values()
    assert "grump" in str(logs)
    client.unregister_worker_plugin("Grumpy")


@pytest.mark.parametrize("plugin", [Diary, object(), None])
def test_what_is_no_plugin(client: Client, plugin: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="an instance of a subclass of WorkerPlugin"):
        client.register_plugin(plugin)


async def test_plugins_come_back_after_a_restart() -> None:
    async with (
        LocalCluster(1, threads_per_worker=1, asynchronous=True) as cluster,
        AsyncClient(cluster) as client,
    ):
        await client.register_plugin(Marking())
        [before] = (await client.run(os.getpid)).values()
        await client.restart()
        [after] = (await client.run(os.getpid)).values()
        assert before != after
        assert list((await client.run(lambda worker: worker.mark)).values()) == ["marked"]


class Marking(WorkerPlugin):
    def setup(self, worker: Any) -> None:  # noqa: ANN401
        worker.mark = "marked"


# ---- Nanny plugins


class Environment(NannyPlugin):
    restart = True

    def __init__(self, value: str) -> None:
        self.value = value

    def setup(self, nanny: Any) -> None:  # noqa: ANN401
        os.environ["GD_TEST_OF_NANNY_PLUGINS"] = self.value

    def teardown(self, nanny: Any) -> None:  # noqa: ANN401
        os.environ.pop("GD_TEST_OF_NANNY_PLUGINS", None)


def variable() -> str | None:
    return os.environ.get("GD_TEST_OF_NANNY_PLUGINS")


def test_a_nanny_plugin_changes_its_worker(tmp_path: Path) -> None:
    with running_cluster(0) as cluster, Client(cluster.address) as client:
        early = cluster.start("worker", cluster.address, "--name", "early", "--nthreads", "1")
        early.wait_for("registered")
        client.register_plugin(Environment("spring"))
        early.wait_for("registered", times=2)
        assert client.submit(variable, workers="early", pure=False).result(30) == "spring"
        assert list(client.run(variable, nanny=True).values()) == ["spring"]

        late = cluster.start("worker", cluster.address, "--name", "late", "--nthreads", "1")
        late.wait_for("registered", times=2)
        assert client.submit(variable, workers="late", pure=False).result(30) == "spring"

        client.unregister_worker_plugin("Environment", nanny=True)
        assert list(client.run(variable, nanny=True).values()) == [None, None]


# ---- Scheduler plugins


class Observer(SchedulerPlugin):
    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def start(self, scheduler: Any) -> None:  # noqa: ANN401
        scheduler.observer = self

    def close(self) -> None:
        self.seen.append(("closed",))

    def transition(self, key: str, start: str, finish: str, **kwargs: Any) -> None:  # noqa: ANN401
        self.seen.append((key, start, finish, kwargs["worker"]))

    def add_worker(self, scheduler: Any, worker: str) -> None:  # noqa: ANN401
        self.seen.append(("joined", worker))

    def remove_worker(self, scheduler: Any, worker: str) -> None:  # noqa: ANN401
        self.seen.append(("left", worker))

    def add_client(self, scheduler: Any, client: str) -> None:  # noqa: ANN401
        self.seen.append(("client joined", client))


def seen(client: Client) -> list[tuple[str, ...]]:
    return client.run_on_scheduler(lambda scheduler: scheduler.observer.seen)  # type: ignore[no-any-return]


def test_a_scheduler_plugin_is_told_what_happens(client: Client, cluster: Cluster) -> None:
    client.register_plugin(Observer(), name="observer")
    future = client.submit(inc, 1, key="observed", workers="ada")
    assert future.result(30) == 2
    steps = [step[1:] for step in seen(client) if step[0] == "observed"]
    assert steps[-2:] == [("queued", "processing", "ada"), ("processing", "memory", "ada")]
    guest = join(cluster, "guest")
    address = client.scheduler_info()["workers"]
    [guest_address] = [each for each, told in address.items() if told["name"] == "guest"]
    leave(client, guest)
    with Client(cluster.address, name="another", set_as_default=False):
        client.wait_for_workers(2)
    told = seen(client)
    assert ("joined", guest_address) in told
    assert ("left", guest_address) in told
    assert ("client joined", "another") in told
    client.unregister_scheduler_plugin("observer")
    assert seen(client)[-1] == ("closed",)


def test_a_scheduler_takes_no_plugin_unless_told_to() -> None:
    with LocalCluster(0, processes=False) as cluster, Client(cluster) as client:
        with pytest.raises(NotAllowed, match="takes no plugins"):
            client.register_plugin(Observer())
        assert client.nthreads() == {}
