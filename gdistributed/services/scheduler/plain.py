"""What people and shells write by hand: from JSON to tasks and values, and from values to JSON."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable

from google.protobuf import json_format, struct_pb2

from gdistributed.core.worker.synchronizing import SAFE_CODECS
from gdistributed.data.codecs import encode
from gdistributed.errors import BadGraph, SerializationError
from gdistributed.settings import PYTHON
from gdistributed.v1 import scheduler_pb2, value_pb2

# Codecs that can be shown to a person as they are.
PLAIN_CODECS = ("json", "text", "null")
# What a task need not say plainly: for tasks that use its result, and for other readers.
RESULT_CODECS = (*PLAIN_CODECS, "npy", "arrow", "python/pickle5", "python/cloudpickle")


def graph_of(
    tasks: Iterable[scheduler_pb2.PlainTask],
) -> tuple[scheduler_pb2.FromClient, list[str]]:
    """Return a batch that submits tasks written by hand, and their keys.

    Raises
    ------
    BadGraph
        If a task has no function, or a key stands for two tasks.
    """
    batch = scheduler_pb2.FromClient()
    graph = batch.graphs.add(number=1, wants_all=True)
    keys: list[str] = []
    for plain in tasks:
        if not plain.function:
            raise BadGraph(f"the task {plain.key!r} has no function").with_reason("BAD_TASK")
        key = plain.key or f"{plain.function}-{uuid.uuid4().hex}"
        if key in keys:
            raise BadGraph(f"the key {key!r} stands for two tasks", (key,)).with_reason("BAD_TASK")
        keys.append(key)
        number = len(keys)
        runtime = plain.runtime or PYTHON
        function_id = f"{runtime}:{plain.function}"
        batch.functions.add(id=function_id, runtime=runtime, name=plain.function)
        batch.templates.add(
            id=number,
            function_id=function_id,
            prefix=plain.function,
            priority=plain.priority,
            retries=plain.retries,
            workers=plain.workers,
            result_codecs=RESULT_CODECS,
        )
        arguments = value_pb2.Arguments(arguments=[_argument(each) for each in plain.arguments])
        graph.tasks.add(
            key=key,
            template=number,
            order=number,
            dependencies=dict.fromkeys(each.key for each in plain.arguments if each.key),
            arguments=arguments.SerializeToString(),
        )
    return batch, keys


def _argument(plain: scheduler_pb2.PlainArgument) -> value_pb2.Argument:
    source = plain.WhichOneof("source")
    if source == "key":
        return value_pb2.Argument(name=plain.name, key=plain.key)
    if source == "payload":
        return value_pb2.Argument(name=plain.name, literal=plain.payload)
    value = value_of_json(plain.json) if source == "json" else None
    literal = value_pb2.Payload(codec="json", data=json.dumps(value).encode())
    return value_pb2.Argument(name=plain.name, literal=literal)


def value_of_json(written: struct_pb2.Value) -> object:
    """Return what was written by hand; whole numbers are integers.

    Raises
    ------
    SerializationError
        If it is no JSON: it has a number that is none.
    """
    try:
        return _whole_numbers(json_format.MessageToDict(written))
    except (json_format.Error, ValueError) as error:
        raise SerializationError(f"it cannot be said in JSON: {error}") from error


def plain_argument(name: str, value: object) -> scheduler_pb2.PlainArgument:
    """Return an argument as a shell reads it: as JSON if that says it exactly.

    Raises
    ------
    CodecUnsupported
        If no plain codec can say the value.
    """
    payload = encode(value, SAFE_CODECS)
    json_value = plain_value(payload) if is_exact_in_doubles(value) else None
    if json_value is None:
        return scheduler_pb2.PlainArgument(name=name, payload=payload)
    return scheduler_pb2.PlainArgument(name=name, json=json_value)


def is_exact_in_doubles(value: object) -> bool:
    """Say whether plain data has no integer that a double would round."""
    if isinstance(value, int):
        return abs(value) <= 2**53
    if isinstance(value, list):
        return all(map(is_exact_in_doubles, value))
    return not isinstance(value, dict) or all(map(is_exact_in_doubles, value.values()))


def _whole_numbers(value: object) -> object:
    """Turn doubles without a fraction into integers: JSON from a command line has only doubles."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    if isinstance(value, list):
        return [_whole_numbers(each) for each in value]
    if isinstance(value, dict):
        return {name: _whole_numbers(each) for name, each in value.items()}
    return value


def plain_value(payload: value_pb2.Payload) -> struct_pb2.Value | None:
    """Return a value as JSON, or None when its codec cannot be shown so."""
    if payload.codec in ("", "null"):
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if payload.codec == "text":
        return struct_pb2.Value(string_value=payload.data.decode())
    if payload.codec == "json":
        return json_format.Parse(payload.data, struct_pb2.Value())
    return None
