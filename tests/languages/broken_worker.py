"""A Python worker with one fault: `python broken_worker.py RULE ADDRESS` breaks that rule.

The faults are planted where messages come in and go out, or where they are made.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from gdistributed.core.session import Session
from gdistributed.data import chunks
from gdistributed.data.codecs.json_text import JsonCodec
from gdistributed.data.transfer import outgoing, serving
from gdistributed.errors import GDistributedError, MalformedMessage
from gdistributed.services.worker import queries, shell, streams
from gdistributed.services.worker.heartbeats import Heartbeats
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import value_pb2, worker_pb2
from gdistributed.wire.link import Link

Fault = Callable[[], None]

# By the rule that is broken: the fault, words of what the suite expected instead, and its patience.
FAULTS: dict[str, tuple[Fault, str, float]] = {}

TIMEOUT_S = 20.0
FOR_WHAT_NEVER_COMES_S = 3.0


def breaks(rule: str, expected: str, timeout_s: float = TIMEOUT_S) -> Callable[[Fault], Fault]:
    """Break a rule, so that what comes is not as expected."""

    def add(fault: Fault) -> Fault:
        FAULTS[rule] = fault, expected, timeout_s
        return fault

    return add


def withholds(rule: str, expected: str) -> Callable[[Fault], Fault]:
    """Break a rule, so that what is expected never comes."""
    return breaks(rule, expected, FOR_WHAT_NEVER_COMES_S)


def instead(place: object, name: str, make: Callable[[Any], object]) -> None:
    """Put something in the place of a function or method, made of that one."""
    setattr(place, name, make(getattr(place, name)))


def saying(change: Callable[[worker_pb2.FromWorker], object]) -> None:
    """Change each message on its way to the scheduler."""

    def changed(next_message: Any) -> object:  # noqa: ANN401
        def next_changed(session: object, take: object) -> object:
            message = next_message(session, take)
            if message is not None:
                change(message)
            return message

        return next_changed

    instead(Session, "next", changed)


def hearing(change: Callable[[worker_pb2.ToWorker], object]) -> None:
    """Change each message of the scheduler on its way in."""

    def changed(receive: Any) -> object:  # noqa: ANN401
        def receive_changed(stream: object, batch: worker_pb2.ToWorker) -> None:
            change(batch)
            receive(stream, batch)

        return receive_changed

    instead(streams.SchedulerStream, "_receive", changed)


def greeting(change: Callable[[worker_pb2.WorkerHello], object]) -> None:
    """Change each hello."""

    def changed(own_hello: Any) -> object:  # noqa: ANN401
        def own_hello_changed(stream: object) -> worker_pb2.WorkerHello:
            hello: worker_pb2.WorkerHello = own_hello(stream)
            change(hello)
            return hello

        return own_hello_changed

    instead(streams.SchedulerStream, "_own_hello", changed)


def calling(change: Callable[[Any], object]) -> None:
    """Change the arguments of each task."""

    def changed(batch: worker_pb2.ToWorker) -> None:
        for run in batch.run:
            arguments = value_pb2.Arguments.FromString(run.arguments)
            change(arguments)
            run.arguments = arguments.SerializeToString()

    hearing(changed)


def each(kind: str, change: Callable[[Any], object]) -> Callable[[Any], None]:
    def change_each(message: object) -> None:
        for one in getattr(message, kind):
            change(one)

    return change_each


def without(field: str) -> Callable[[Any], object]:
    return lambda message: message.ClearField(field)


# ---- Hello


@breaks("hello.names_its_software", "a name of the software")
def says_no_name() -> None:
    greeting(lambda hello: hello.software.ClearField("name"))


@breaks("hello.offers_functions", "a runtime that offers")
def offers_nothing() -> None:
    greeting(lambda hello: hello.runtimes[0].ClearField("functions"))


@breaks("hello.reads_the_common_codecs", "among `decodes`")
def reads_no_json() -> None:
    greeting(lambda hello: hello.runtimes[0].decodes.remove("json"))


@breaks("hello.identifies_itself", "the id")
def says_another_id() -> None:
    instead(queries.WorkerService, "_must_be", lambda _: lambda service, worker_id: None)
    greeting(lambda hello: setattr(hello, "worker_id", "another"))


# ---- Run


@withholds("run.reports_the_result", "a report on the task")
def reports_nothing() -> None:
    saying(without("finished"))


@breaks("run.echoes_the_attempt", "the attempt")
def cuts_attempts() -> None:
    saying(each("finished", lambda report: setattr(report, "attempt", report.attempt % 2**32)))


@breaks("run.remembers_announcements", "a task that succeeds")
def forgets_announcements() -> None:
    hearing(lambda batch: batch.forget_templates.extend([1, 2, 3]))


@withholds("run.begins_after_it_ends", "a report on the task")
def ends_last() -> None:
    hearing(lambda batch: batch.ClearField("run") if batch.cancel else None)


@breaks("run.lower_ranks_first", "the tasks of rank -7 before those of rank 7")
def higher_ranks_first() -> None:
    hearing(each("run", lambda run: setattr(run, "rank", -run.rank)))


@breaks("run.as_many_at_once_as_threads", "tasks that run at one time")
def says_more_threads() -> None:
    greeting(lambda hello: setattr(hello, "nthreads", hello.nthreads + 1))


@withholds("run.newer_attempt_takes_over", "a report on the task")
def runs_a_key_once() -> None:
    known: set[str] = set()

    def change(batch: worker_pb2.ToWorker) -> None:
        runs = [run for run in batch.run if run.key not in known]
        known.update(run.key for run in runs)
        del batch.run[:]
        batch.run.extend(runs)

    hearing(change)


# ---- Arguments


@breaks("arguments.integers", "the value")
def reads_fractions() -> None:
    instead(
        JsonCodec, "decode", lambda _: lambda codec, data, *_: json.loads(data, parse_int=float)
    )


@breaks("arguments.in_order", "the list of arguments")
def turns_arguments_round() -> None:
    def turn(arguments: value_pb2.Arguments) -> None:
        turned = list(arguments.arguments)[::-1]
        del arguments.arguments[:]
        arguments.arguments.extend(turned)

    calling(turn)


@breaks("arguments.results_inside_json", "the value")
def sees_no_references() -> None:
    calling(each("arguments", lambda argument: argument.literal.ClearField("refs")))


# ---- Errors


@breaks("errors.says_type_and_message", "a message with")
def says_no_message() -> None:
    saying(each("erred", lambda failed: failed.error.ClearField("message")))


@breaks("errors.unknown_function", "the reason")
def says_no_reason() -> None:
    saying(each("erred", lambda failed: failed.error.ClearField("reason")))


@breaks("errors.lives_on", "a report on the task")
def dies_of_an_error() -> None:
    saying(lambda message: os._exit(3) if message.erred else None)


# ---- Taking back


@breaks("taking_back.cancelled_while_it_runs", "no report on")
def cancels_nothing() -> None:
    hearing(without("cancel"))


@withholds("taking_back.cancel_of_another_attempt", "a report on the task")
def cancels_any_attempt() -> None:
    handed: dict[str, int] = {}

    def change(batch: worker_pb2.ToWorker) -> None:
        handed.update((run.key, run.attempt) for run in batch.run)
        for named in batch.cancel:
            named.attempt = handed.get(named.key, named.attempt)

    hearing(change)


@breaks("taking_back.revoked_before_it_runs", "given_back")
def gives_nothing_back() -> None:
    saying(each("revoked", lambda answer: setattr(answer, "given_back", False)))


@withholds("taking_back.every_revoke_is_answered", "an answer to the revoke")
def answers_no_revoke() -> None:
    saying(without("revoked"))


@breaks("taking_back.freed", "after it is freed it is 'missing'")
def frees_nothing() -> None:
    hearing(without("free"))


# ---- Dependencies


@withholds("dependencies.fetched", "a report on the task")
def reaches_nobody() -> None:
    hearing(each("peers", lambda peer: setattr(peer, "address", "127.0.0.1:1")))


@breaks("dependencies.asked_for_in_own_codecs", "the worker_id of the peer that is meant")
def asks_anybody() -> None:
    def changed(fetch: Any) -> object:  # noqa: ANN401
        return lambda channel, _, *rest, **named: fetch(channel, "", *rest, **named)

    instead(shell, "fetch_each", changed)


@withholds("dependencies.reported_missing", "among `missing`")
def misses_nothing() -> None:
    saying(without("missing"))


@breaks("dependencies.uses_no_damaged_chunk", "the text as it is")
def believes_every_checksum() -> None:
    def changed(add: Any) -> object:  # noqa: ANN401
        def add_anything(growing: object, chunk: worker_pb2.DataChunk, data: Any) -> None:  # noqa: ANN401
            chunk.crc32 = chunks.checksums.crc32(data)
            add(growing, chunk, data)

        return add_anything

    instead(chunks.Growing, "add", changed)


@breaks("storing.refuses_a_damaged_chunk", "the status DATA_LOSS (BAD_CHUNK)")
def stores_damaged_chunks() -> None:
    believes_every_checksum()


@withholds("dependencies.copied", "among `stored`")
def copies_nothing() -> None:
    hearing(without("fetch"))


# ---- Results


@breaks("results.small_ones_ride_along", "the value in the report")
def sends_nothing_along() -> None:
    saying(each("finished", without("value")))


@breaks("results.served_in_an_accepted_codec", "the codec")
def likes_text_best() -> None:
    def changed(encode: Any) -> object:  # noqa: ANN401
        return lambda value, codecs=(): encode(value, sorted(codecs, reverse=True))

    instead(outgoing, "encode_parts", changed)


@breaks("results.no_accepted_codec", "for the key an 'error'")
def says_it_anyhow() -> None:
    instead(outgoing, "encode_parts", lambda encode: lambda value, codecs=(): encode(value))


@breaks("results.large_ones_come_in_chunks", "chunks of at most")
def cuts_too_large() -> None:
    instead(chunks, "CHUNK_NBYTES", lambda nbytes: 2 * nbytes)


@breaks("results.goes_on_at_an_offset", "the first chunk at the offset")
def goes_on_blindly() -> None:
    instead(serving, "offset_to_go_on", lambda _: lambda encoded, request: request.offset)


@breaks("results.meant_for_another_worker", "the status FAILED_PRECONDITION")
def answers_for_anybody() -> None:
    instead(queries.WorkerService, "_must_be", lambda _: lambda service, worker_id: None)


# ---- Serving and storing


@breaks("serving.lists_what_it_holds", "at most 2 on a page")
def lists_all_at_once() -> None:
    def changed(list_data: Any) -> object:  # noqa: ANN401
        async def list_all(
            service: object, request: worker_pb2.ListDataRequest, context: object
        ) -> Any:  # noqa: ANN401
            request.page_size = 0
            return await list_data(service, request, context)

        return list_all

    instead(queries.WorkerService, "ListData", changed)


@breaks("storing.keeps_until_it_is_claimed", "before it is claimed a 'value'")
def frees_what_was_put() -> None:
    def change(batch: worker_pb2.ToWorker) -> None:
        batch.claim.extend(worker_pb2.ClaimedData(key=key) for key in batch.free)

    hearing(change)


# ---- Sessions


@breaks("session.numbers_its_messages", "the numbers")
def skips_a_number() -> None:
    def change(message: worker_pb2.FromWorker) -> None:
        message.sequence += message.sequence > 2

    saying(change)


@breaks("session.acknowledges", "the acknowledged number")
def acknowledges_nothing() -> None:
    saying(without("acknowledged"))


@withholds("session.beats", "heartbeats within")
def beats_slowly() -> None:
    instead(Heartbeats, "run", lambda run: lambda heartbeats, _: run(heartbeats, 1.5))


@breaks("session.skips_what_it_does_not_know", "a report on the task")
def refuses_what_is_new() -> None:
    def changed(warn: Any) -> object:  # noqa: ANN401
        def refuse(link: Any, message: Any) -> None:  # noqa: ANN401
            before = len(link._skipped)
            warn(link, message)
            if len(link._skipped) > before:
                raise MalformedMessage("a field that is not known")

        return refuse

    instead(Link, "_warn_of_unknown", changed)


@breaks("session.resumes", "the session")
def resumes_nothing() -> None:
    greeting(without("resume"))


@withholds("session.says_again_what_was_not_heard", "a report on the task")
def says_nothing_twice() -> None:
    def changed(resume: Any) -> object:  # noqa: ANN401
        def resume_without(session: Any, received: int) -> None:  # noqa: ANN401
            resume(session, received)
            session._again = 0

        return resume_without

    instead(Session, "resume", changed)


@breaks("session.brings_an_inventory", "among `held`")
def brings_nothing() -> None:
    saying(lambda message: message.inventory.ClearField("held") if message.inventory.last else None)


@withholds("session.hears_no_older_scheduler", "a stream of the worker")
def hears_anybody() -> None:
    instead(streams, "check_epoch", lambda _: lambda welcome, last: None)


@withholds("session.comes_back_to_one_that_stops", "a stream of the worker")
def gives_up_at_once() -> None:
    instead(streams, "REFUSALS", lambda _: (GDistributedError,))


# ---- The end


@withholds("refusal.ends_when_it_is_refused", "the end of the process")
def never_gives_up() -> None:
    instead(streams, "REFUSALS", lambda _: ())


@withholds("refusal.refuses_another_major", "the end of the process")
def takes_any_version() -> None:
    instead(streams, "check_software", lambda _: lambda *_: None)


@withholds("leaving.stops_at_a_goodbye", "the end of the process")
def stays() -> None:
    hearing(without("goodbye"))


@withholds("leaving.drains_on_sigterm", "a heartbeat with the status CLOSING")
def goes_without_a_word() -> None:
    async def drain(worker: Worker) -> None:
        """Leave at once."""

    instead(Worker, "drain", lambda _: drain)


if __name__ == "__main__":
    from gdistributed.cli.main import main

    fault, *_ = FAULTS[sys.argv.pop(1)]
    fault()
    sys.argv[1:1] = ["worker", "--no-nanny", "--nthreads", "2"]
    sys.argv += ["--functions", "gdistributed.conformance.functions"]
    main()
