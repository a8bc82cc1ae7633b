"""The page that tells what a computation did: one file of HTML, with all that it needs in it."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from string import Template
from typing import Any, Final

from gdistributed.observe.flame_graph import flame_graph, static_text
from gdistributed.observe.profile_tree import Node
from gdistributed.observe.record import Record
from gdistributed.settings import NS
from gdistributed.version import __version__

NO_PROFILE: Final = '<p class="hint">There are no samples: no task ran for long enough.</p>'


def page(
    record: Record,
    *,
    title: str,
    scheduler: str,
    code: str = "",
    profile: Node | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    record
        What happened.
    title
        Its title.
    scheduler
        Address of the scheduler.
    code
        The source that was run, if it is known.
    profile
        Where tasks spent their time; None, or one without samples, is left out.
    """
    data = _data(record) | {"scheduler": scheduler, "code": code}
    has_profile = profile is not None and profile.samples
    return Template(static_text("report.html")).substitute(
        title=html.escape(title),
        style=static_text("report.css"),
        script=static_text("report.js"),
        profile=flame_graph(profile, "all tasks") if profile and has_profile else NO_PROFILE,
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    )


def _data(record: Record) -> dict[str, Any]:
    """Return what report.js draws: runs and transfers as columns, times since the begin."""
    begun = datetime.fromtimestamp(record.begun_ns / NS, UTC)
    prefixes, workers = record.prefixes(), record.workers
    prefix_of = {prefix["name"]: index for index, prefix in enumerate(prefixes)}
    worker_of = {worker.name: index for index, worker in enumerate(workers)}
    runs = [run for run in record.runs if run.prefix in prefix_of and run.worker in worker_of]

    def seconds(nanoseconds: int) -> float:
        return round((nanoseconds - record.begun_ns) / NS, 6)

    return {
        "begun": f"{begun.astimezone():%d %B %Y %X %Z}",
        "version": __version__,
        "seconds": record.seconds,
        "left_out": record.left_out,
        "prefixes": prefixes,
        "samples": record.samples,
        "workers": [
            {
                "name": worker.name,
                "address": worker.address,
                "nthreads": worker.nthreads,
                "memory_limit": worker.memory_limit_nbytes,
                "memory_max": record.memory_max(worker.name),
            }
            for worker in workers
        ],
        "runs": {
            "prefix": [prefix_of[run.prefix] for run in runs],
            "worker": [worker_of[run.worker] for run in runs],
            "key": [run.key for run in runs],
            "count": [run.count for run in runs],
            "failed": [run.failed for run in runs],
            "start": [seconds(run.start.ToNanoseconds()) for run in runs],
            "end": [seconds(run.end.ToNanoseconds()) for run in runs],
            "run_s": [run.run_ns / NS for run in runs],
        },
        "transfers": {
            "worker": [each.worker for each in record.transfers],
            "peer": [each.peer for each in record.transfers],
            "values": [each.values for each in record.transfers],
            "nbytes": [each.nbytes for each in record.transfers],
            "shared": [each.shared for each in record.transfers],
            "start": [seconds(each.start.ToNanoseconds()) for each in record.transfers],
            "end": [seconds(each.end.ToNanoseconds()) for each in record.transfers],
        },
    }
