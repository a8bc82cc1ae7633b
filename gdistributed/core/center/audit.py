"""Recount what the Center knows, and compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gdistributed.core.center.members import SCHEDULER, WORKER, name_of
from gdistributed.errors import InvariantBroken

if TYPE_CHECKING:
    from gdistributed.core.center.brain import CenterBrain


def audit(brain: CenterBrain) -> None:
    """Raise if anything is wrong.

    Raises
    ------
    InvariantBroken
        With all that was found, a line each.
    """
    found = list(_findings(brain))
    if found:
        raise InvariantBroken("\n".join(found))


def _findings(brain: CenterBrain) -> Iterator[str]:
    members = brain.members
    workers = {}
    for member_id, record in members.by_id.items():
        if record.message.id != member_id:
            yield f"{record.message.id!r} is entered as {member_id!r}"
        if record.message.role == WORKER:
            workers[member_id] = record.message.address
            if members.worker_named(name_of(record.message)) is not record:
                yield f"the name of worker {member_id!r} belongs to another"
        if record.message.role == SCHEDULER and members.scheduler is not record:
            yield f"there are two schedulers, one of them {member_id!r}"
    if workers != members.addresses:
        yield "the addresses of the workers are not those of the members"
    for key in brain.reported.keys():  # noqa: SIM118
        for worker_id, _ in brain.reported.holders(key):
            if key not in brain.reported.keys_of(worker_id):
                yield f"{key!r} is said to be on {worker_id!r}, which does not know of it"
    revisions = [change.revision for change in brain.history.since(brain.history.oldest) or ()]
    if revisions != sorted(set(revisions)):
        yield "the revisions of the history do not grow"
