"""Sockets are polled by the thread that waits for them, and the environment is left as it was."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys

import pytest

from gdistributed.grpc_polling import NEWEST, VARIABLE

CALLS = 200

# A server and a channel in one process, and how often threads of the event engine were woken.
PROGRAM = """
import asyncio
import os
import sys
from pathlib import Path

from gdistributed.grpc_polling import import_grpc

import_grpc(runs_tasks=sys.argv[1] == "tasks")
import grpc.aio

def wakes():
    found = 0
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().startswith("event_engine"):
            status = (task / "status").read_text().splitlines()
            found += sum(int(line.split()[1]) for line in status if "voluntary_ctxt" in line)
    return found

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/nothing/there")
        for number in range(int(sys.argv[2]) + 1):
            if number == 1:
                before = wakes()
            try:
                await call(b"")
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        print(wakes() - before, os.environ.get("GRPC_EXPERIMENTS"))
    await server.stop(None)

asyncio.run(main())
"""


def wakes(whose: str, experiments: str | None = None) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if experiments is not None:
        environment[VARIABLE] = experiments
    command = [sys.executable, "-c", PROGRAM, whose, str(CALLS)]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    count, left = ended.stdout.split()
    assert ended.stderr == ""
    return int(count), left


def is_known() -> bool:
    major, minor, *_ = importlib.metadata.version("grpcio").split(".")
    return (int(major), int(minor)) <= NEWEST


@pytest.mark.skipif(not is_known(), reason="this gRPC is newer than those known to have two ways")
def test_no_thread_is_woken_between_the_socket_and_the_one_who_waits() -> None:
    count, left = wakes("none")
    assert count < CALLS  # the event engine is woken seven times a call
    assert left == "None"


def test_whoever_has_set_the_variable_is_heard() -> None:
    _, left = wakes("tasks", "-event_engine_listener")
    assert left == "-event_engine_listener"
