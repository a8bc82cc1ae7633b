"""Rules on the other calls of a worker's server: lists, and functions that are run at once."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.rule import Theme, expect, expect_equal
from gdistributed.conformance.rules.results import held
from gdistributed.conformance.stage import Stage
from gdistributed.conformance.values import CODECS, argument_of, value_in
from gdistributed.v1 import task_pb2, value_pb2, worker_pb2

THEME: Final = Theme("serving", "people and tools can look into a worker")


def run_request(
    stage: Stage, name: str, *arguments: object, **fields: object
) -> worker_pb2.RunRequest:
    """Return a request for Worker.Run."""
    return worker_pb2.RunRequest(
        function=task_pb2.Function(runtime=stage.runtime, name=f"conformance.{name}"),
        arguments=value_pb2.Arguments(arguments=[argument_of(each) for each in arguments]),
        accept_codecs=CODECS,
        **fields,  # type: ignore[arg-type]
    )


@THEME.full("Worker.ListData", "ListData lists the values that the worker holds, paged.")
async def lists_what_it_holds(stage: Stage) -> None:
    """ListData lists values sorted by key, page by page, those with a prefix."""
    keys = sorted([await held(stage) for _ in range(3)])
    request = worker_pb2.ListDataRequest(page_size=2, key_prefix="conformance-")
    found: list[worker_pb2.StoredData] = []
    while True:
        page = await stage.worker.call("ListData", request)
        expect(len(page.data) <= 2, "at most 2 on a page", len(page.data))
        found.extend(page.data)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    listed = [each.key for each in found]
    expect_equal(listed, sorted(listed), "keys in the order")
    expect(set(keys) <= set(listed), f"{keys} among them", listed)
    expect(all(each.nbytes for each in found), "the size of each", "0 of some")
    request = worker_pb2.ListDataRequest(key_prefix=keys[0])
    listed = [each.key for each in (await stage.worker.call("ListData", request)).data]
    expect(all(key.startswith(keys[0]) for key in listed), f"keys with {keys[0]!r}", listed)


@THEME.full(
    "Worker.ListData",
    "INVALID_ARGUMENT (BAD_PAGE_TOKEN): the page token is not one that this worker gave.",
)
async def refuses_a_page_token(stage: Stage) -> None:
    """A page token that the worker never gave is refused."""
    request = worker_pb2.ListDataRequest(page_token="no token of yours")
    await stage.worker.refused("ListData", request, "INVALID_ARGUMENT", "BAD_PAGE_TOKEN")


@THEME.full("Worker.Run", "Run calls a function on the worker at once, outside the order of tasks.")
async def runs_at_once(stage: Stage) -> None:
    """Run calls a function and answers with its value, or with its error."""
    answer = await stage.worker.call("Run", run_request(stage, "list", 1, "a"))
    expect_equal(answer.WhichOneof("outcome"), "value", "the outcome a")
    expect_equal(value_in(answer.value), [1, "a"], "the value")
    answer = await stage.worker.call("Run", run_request(stage, "fail", "in vain"))
    expect_equal(answer.WhichOneof("outcome"), "error", "the outcome an")
    expect("in vain" in answer.error.message, "its message", repr(answer.error.message))


@THEME.full(
    "Worker.Run",
    "INVALID_ARGUMENT (UNKNOWN_FUNCTION): the worker's runtime does not know the function.",
)
async def runs_no_unknown_function(stage: Stage) -> None:
    """Run of a function that the worker does not offer is refused."""
    request = run_request(stage, "no_such_function")
    await stage.worker.refused("Run", request, "INVALID_ARGUMENT", "UNKNOWN_FUNCTION")


@THEME.full(
    "Worker",
    "a server with another id MUST refuse it, since an address may belong to a new process by now.",
)
async def runs_nothing_meant_for_another(stage: Stage) -> None:
    """Run and DeleteData that name another incarnation are refused."""
    request = run_request(stage, "echo", 1, worker_id="somebody-else")
    await stage.worker.refused("Run", request, "FAILED_PRECONDITION", "WRONG_WORKER")
    delete = worker_pb2.DeleteDataRequest(worker_id="somebody-else", keys=["x"])
    await stage.worker.refused("DeleteData", delete, "FAILED_PRECONDITION", "WRONG_WORKER")


@THEME.full("GetStatusResponse", "executing: keys of the tasks that run now.")
async def says_what_runs(stage: Stage) -> None:
    """GetStatus names the tasks that run."""
    run = stage.run("wait", 0.5)
    while True:
        answer = await stage.worker.call("GetStatus", worker_pb2.GetStatusRequest())
        if run.key in answer.executing:
            return
        report = any(each.key == run.key for each in stage.conversation.each("finished"))
        expect(not report, f"{run.key!r} among `executing`", "its report, and never that")


@THEME.full(
    "RunRequest",
    "detached: answer at once, with the value null; what becomes of the call is logged.",
)
async def runs_detached(stage: Stage) -> None:
    """Run of a function that takes long is answered before it has returned, if it is detached."""
    request = run_request(stage, "wait", 1.0, detached=True)
    answer = await stage.worker.call("Run", request)
    expect_equal(answer.WhichOneof("outcome"), "value", "the outcome a")
    expect_equal(value_in(answer.value), None, "the value")
