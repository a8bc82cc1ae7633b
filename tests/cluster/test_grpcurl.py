"""A live cluster and the real grpcurl: whatever a person may ask, in JSON."""

from __future__ import annotations

import subprocess

import pytest

from tests.cluster.conftest import Grpcurl
from tests.processes import Cluster


def said_by(grpcurl: str, *arguments: str) -> str:
    done = subprocess.run(
        [grpcurl, "-plaintext", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_list_names_the_services(cluster: Cluster, grpcurl: str) -> None:
    services = set(said_by(grpcurl, cluster.address, "list").split())
    assert services >= {
        "gdistributed.v1.Center",
        "gdistributed.v1.Names",
        "gdistributed.v1.Scheduler",
        "gdistributed.v1.Server",
        "grpc.health.v1.Health",
    }


def test_describe_shows_calls_and_messages(cluster: Cluster, grpcurl: str) -> None:
    service = said_by(grpcurl, cluster.address, "describe", "gdistributed.v1.Scheduler")
    assert "rpc ListTasks" in service
    message = said_by(grpcurl, cluster.address, "describe", "gdistributed.v1.PlainTask")
    assert "repeated string workers" in message


@pytest.mark.parametrize("service", ["", "gdistributed.v1.Scheduler", "gdistributed.v1.Center"])
def test_health_check(cluster: Cluster, grpcurl: str, service: str) -> None:
    request = f'{{"service": "{service}"}}'
    said = said_by(grpcurl, "-d", request, cluster.address, "grpc.health.v1.Health/Check")
    assert '"status": "SERVING"' in said


def test_workers_are_listed(call: Grpcurl) -> None:
    workers = call("Scheduler/ListWorkers")["workers"]
    assert sorted((w["name"], w["nthreads"], w["status"]) for w in workers) == [
        ("ada", 1, "WORKER_STATUS_RUNNING"),
        ("bob", 1, "WORKER_STATUS_RUNNING"),
    ]


def test_the_worker_answers_itself(call: Grpcurl, grpcurl: str) -> None:
    worker = call("Scheduler/ListWorkers")["workers"][0]
    said = said_by(grpcurl, worker["address"], "gdistributed.v1.Server/Identify")
    assert '"role": "worker"' in said
    assert worker["worker_id"] in said


def test_a_graph_of_named_functions_is_submitted_and_its_result_read(call: Grpcurl) -> None:
    three = {"key": "three", "function": "operator.add", "arguments": [{"json": 1}, {"json": 2}]}
    ten = {"key": "ten", "function": "operator.add", "arguments": [{"key": "three"}, {"json": 7}]}
    submitted = call("Scheduler/Submit", tasks=[ten, three])
    assert submitted["keys"] == ["ten", "three"]
    assert call("Scheduler/GetResult", key="ten")["json"] == 10

    tasks = {task["key"]: task for task in call("Scheduler/ListTasks")["tasks"]}
    assert tasks["ten"]["state"] == "TASK_STATE_MEMORY"
    assert len(tasks["three"]["holders"]) >= 1
    full = call("Scheduler/GetTask", key="ten")["task"]
    assert full["dependencies"] == ["three"]
    call("Scheduler/ReleaseTasks", graph_ids=[submitted["graph_id"]])


@pytest.mark.parametrize(("size", "value"), [(3, 3.0), (100_000, 1e5)])
def test_a_result_need_not_be_plain_for_the_task_that_uses_it(
    call: Grpcurl, size: int, value: float
) -> None:
    ones = {"key": f"ones-{size}", "function": "numpy.ones", "arguments": [{"json": size}]}
    total = {
        "key": f"total-{size}",
        "function": "numpy.sum",
        "arguments": [{"key": f"ones-{size}"}],
    }
    call("Scheduler/Submit", tasks=[ones, total])
    assert call("Scheduler/GetResult", key=f"total-{size}")["json"] == value
    if size == 3:
        result = call("Scheduler/GetResult", key="ones-3")
        assert result["payload"]["codec"] == "npy"


def test_a_failed_task_says_what_happened(call: Grpcurl) -> None:
    arguments = [{"json": 1}, {"json": 0}]
    task = {"key": "fails", "function": "operator.truediv", "arguments": arguments}
    call("Scheduler/Submit", tasks=[task])
    answer = call("Scheduler/GetResult", key="fails")
    assert answer["state"] == "TASK_STATE_ERRED"
    assert answer["error"]["type"].endswith("ZeroDivisionError")
    assert "division by zero" in answer["error"]["message"]


def test_a_cycle_is_refused_naming_the_keys(cluster: Cluster, grpcurl: str) -> None:
    request = """{"tasks": [
        {"key": "hen", "function": "operator.neg", "arguments": [{"key": "egg"}]},
        {"key": "egg", "function": "operator.neg", "arguments": [{"key": "hen"}]}]}"""
    done = subprocess.run(
        [
            *(grpcurl, "-plaintext", "-d", request, cluster.address),
            "gdistributed.v1.Scheduler/Submit",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "InvalidArgument" in done.stderr
    assert "hen" in done.stderr
    assert "egg" in done.stderr


def test_events_of_the_past_are_watched(cluster: Cluster, grpcurl: str) -> None:
    request = '{"start_revision": 1, "kinds": "worker", "limit": 2}'
    said = said_by(grpcurl, "-d", request, cluster.address, "gdistributed.v1.Scheduler/WatchEvents")
    assert said.count('"kind": "worker"') == 2
    assert '"subject": "ada"' in said
    assert '"subject": "bob"' in said


def test_events_are_watched_as_they_happen(call: Grpcurl, cluster: Cluster, grpcurl: str) -> None:
    request = '{"start_revision": 1}'
    arguments = ["-plaintext", "-d", request, cluster.address]
    watching = subprocess.Popen(
        [grpcurl, *arguments, "gdistributed.v1.Scheduler/WatchEvents"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        events = iter(watching.stdout or ())
        assert any('"subject": "ada"' in line for line in events)  # from now on it is watched
        task = {"key": "seen", "function": "operator.not_", "arguments": [{"json": 1}]}
        call("Scheduler/Submit", tasks=[task])
        assert any('"subject": "seen"' in line for line in events)
        assert any('"to": "memory"' in line for line in events)
    finally:
        watching.kill()
        watching.communicate()


def test_the_center_says_who_has_what(call: Grpcurl) -> None:
    call(
        "Scheduler/Submit",
        tasks=[{"key": "kept", "function": "operator.not_", "arguments": [{"json": 0}]}],
    )
    call("Scheduler/GetResult", key="kept")
    holders = call("Center/WhoHas", keys=["kept"])["locations"][0]["addresses"]
    assert len(holders) == 1
    assert set(call("Center/NCores")["nthreads"].values()) == {1}
    roles = [member["role"] for member in call("Center/ListMembers")["members"]]
    assert sorted(roles) == ["scheduler", "worker", "worker"]
