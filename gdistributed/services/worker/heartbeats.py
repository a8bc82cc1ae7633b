"""What a worker says of itself each second: that its loop works, and how it is."""

from __future__ import annotations

import asyncio

import psutil
from google.protobuf import duration_pb2

from gdistributed.core.worker.seceding import abandoned_count
from gdistributed.data.shared_memory import held_nbytes
from gdistributed.services.worker.sharing import memory_in_use
from gdistributed.services.worker.shell import Shell
from gdistributed.v1 import worker_pb2


class Heartbeats:
    """Measures the process, and says so to the scheduler.

    Parameters
    ----------
    shell
        The worker.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._process = psutil.Process()
        self._process.cpu_percent(None)  # the first call begins the measurement
        self._delay_s = 0.0

    async def run(self, interval_s: float) -> None:
        """Send a heartbeat now and then each `interval_s` seconds, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._delay_s = max(loop.time() - due, 0.0)
            self.beat()
            due = loop.time() + interval_s
            await asyncio.sleep(interval_s)

    def beat(self) -> None:
        """Send a heartbeat."""
        brain = self._shell.brain
        heartbeat = worker_pb2.Heartbeat(
            status=brain.status,
            metrics=self.metrics(),
            bandwidths=self._shell.transfers.take_bandwidths(),
            transfers=self._shell.transfers.take(self._shell.now()),
        )
        brain.mail().heartbeat.CopyFrom(heartbeat)
        if self._shell.wake is not None:
            self._shell.wake()

    def metrics(self) -> worker_pb2.WorkerMetrics:
        """Measure the process."""
        shell, brain, process = self._shell, self._shell.brain, self._process
        spilled_nbytes = shell.store.spilled_nbytes
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(self._delay_s * 1e9))
        shared_nbytes, borrowed_nbytes = held_nbytes()
        with process.oneshot():
            return worker_pb2.WorkerMetrics(
                cpu_percent=process.cpu_percent(None),
                memory_nbytes=memory_in_use(),
                shared_nbytes=shared_nbytes,
                borrowed_nbytes=borrowed_nbytes,
                managed_nbytes=max(brain.held_nbytes - spilled_nbytes, 0),
                spilled_nbytes=spilled_nbytes,
                disk_trouble=shell.store.trouble,
                executing=brain.executing_count,
                abandoned=abandoned_count(brain),
                ready=brain.ready_count,
                fetching=brain.fetching_count,
                sent_nbytes=shell.sent_nbytes,
                received_nbytes=shell.received_nbytes,
                open_files=process.num_fds(),
                event_loop_delay=delay,
                sending_nbytes=brain.serving.sending_nbytes,
                served_calls=brain.serving.count,
            )
