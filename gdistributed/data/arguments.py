"""The arguments of a call, packed for a worker, with placeholders for results of other tasks.

A call without placeholders is a plain pickle. In one with placeholders each is a persistent id: its
key. Runtimes other than Python get arguments one by one, in codecs that every language reads.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import cloudpickle

from gdistributed.data.codecs import NEUTRAL_CODECS, decode, encode
from gdistributed.data.codecs.encoded import varint, writable, write_payload
from gdistributed.data.codecs.pickled import (
    CLOUDPICKLE,
    NAMES_SOMETHING,
    PICKLE,
    PROTOCOL,
    Unpickler,
    belongs_to_main,
    describe,
    qualified_name,
    unpickle,
)
from gdistributed.errors import SerializationError, UnpicklableArgument
from gdistributed.settings import PYTHON
from gdistributed.v1 import task_pb2
from gdistributed.v1 import value_pb2 as pb

Call = tuple[tuple[Any, ...], dict[str, Any]]

REFERENCE: Final = "$ref"
PACKED_TAG: Final = bytes([pb.Arguments.PACKED_FIELD_NUMBER << 3 | 2])  # length-delimited
NO_RESULTS: Final[Mapping[str, object]] = {}


class KeyReference:
    """Stands for the result of another task inside the arguments of a call.

    Parameters
    ----------
    key
        Key of the task, as it is on the wire.
    """

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyReference) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"KeyReference({self.key!r})"

    def __reduce__(self) -> str:
        raise _ReferenceMet


class _ReferenceMet(Exception):
    """A plain pickle came upon a placeholder: it has to be written with persistent ids."""


class _Pickler(pickle.Pickler):
    """One on which `persistent_id` can be set: on that of Python 3.13.0 itself it cannot."""


class _Unpickler(pickle.Unpickler):
    """The same for `persistent_load`."""


def pack_call(
    args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[bytes, tuple[str, ...]]:
    """Pack the arguments of a call for a Python worker.

    Parameters
    ----------
    args, kwargs
        Arguments of the call, in which each `KeyReference`, however deep, stands for a result.

    Returns
    -------
    arguments
        A serialised `Arguments` message.
    dependencies
        Keys of the results that it refers to, each once, in the order of their first mention.

    Raises
    ------
    UnpicklableArgument
        If an argument cannot be sent; the message names it.
    """
    call = (tuple(args), dict(kwargs))
    refs: dict[str, None] = {}
    codec = PICKLE
    try:
        data = _pickle_call(call, refs)
        if data is None:
            codec = CLOUDPICKLE
            data = _pickle_with_references(call, refs, cloudpickle.Pickler)
    except Exception as error:
        raise _name_the_culprit(args, kwargs, error) from error
    if refs:
        packed = pb.Payload(codec=codec, refs=refs, data=data).SerializeToString()
    else:
        packed = write_payload(codec, data)
    return b"".join((PACKED_TAG, varint(len(packed)), packed)), tuple(refs)


def pack_neutral_call(
    args: Sequence[object],
    kwargs: Mapping[str, object],
    codecs: Sequence[str] = NEUTRAL_CODECS,
) -> tuple[bytes, tuple[str, ...]]:
    """Pack the arguments of a call for a worker of any language.

    Parameters
    ----------
    args, kwargs
        Arguments of the call. A `KeyReference` may be a whole argument, or stand inside plain data.
    codecs
        Codecs that the function accepts, best first.

    Returns
    -------
    arguments, dependencies
        As from `pack_call`.

    Raises
    ------
    UnpicklableArgument
        If an argument cannot be said in any of the codecs; the message names it.
    """
    refs: dict[str, None] = {}
    message = pb.Arguments()
    for name, value in [*(("", value) for value in args), *kwargs.items()]:
        try:
            message.arguments.append(_neutral_argument(name, value, codecs, refs))
        except SerializationError as error:
            place = f"argument {name!r}" if name else f"argument {len(message.arguments)}"
            raise UnpicklableArgument(f"{place}: {error}") from error
    return message.SerializeToString(), tuple(refs)


def pack_call_of(
    function: task_pb2.Function, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[bytes, tuple[str, ...]]:
    """Pack the arguments of a call in the form that the runtime of its function reads.

    Parameters, results and errors are those of `pack_call`.
    """
    if function.runtime == PYTHON:
        return pack_call(args, kwargs)
    return pack_neutral_call(args, kwargs, function.accepts or NEUTRAL_CODECS)


def unpack_call(data: bytes, results: Mapping[str, object] = NO_RESULTS) -> Call:
    """Return the arguments of a call, with results in the places of their keys.

    Parameters
    ----------
    data
        A serialised `Arguments` message, in the packed or in the plain form.
    results
        The values of the dependencies by key.

    Raises
    ------
    SerializationError
        If the arguments cannot be read here, or refer to a key that is not among the results.
    """
    message = pb.Arguments.FromString(data)
    if not message.HasField("packed"):
        return _call_of_arguments(message.arguments, results)
    packed = message.packed
    if packed.codec not in (PICKLE, CLOUDPICKLE):
        raise SerializationError(f"packed arguments cannot be in the codec {packed.codec!r}")
    try:
        return _unpickle_call(packed, results)
    except Exception as error:
        raise SerializationError(f"the arguments cannot be read: {describe(error)}") from error


def _pickle_call(call: Call, refs: dict[str, None]) -> bytes | None:
    """Pickle a call without cloudpickle's help, or return None when that is needed."""
    try:
        if _mentions_references(call):
            data = _pickle_with_references(call, refs, _Pickler)
        else:
            data = pickle.dumps(call, PROTOCOL)
    except _ReferenceMet:
        return _pickle_references_late(call, refs)
    except Exception:
        return None  # cloudpickle has the last word, and says why
    return None if belongs_to_main(data) else data


def _pickle_references_late(call: Call, refs: dict[str, None]) -> bytes | None:
    try:
        data = _pickle_with_references(call, refs, _Pickler)
    except Exception:
        return None
    return None if belongs_to_main(data) else data


def _mentions_references(call: Call) -> bool:
    """Say whether a glance finds a placeholder. One that lies deeper is met later."""
    args, kwargs = call
    for value in (*args, *kwargs.values()):
        kind = type(value)
        if kind is KeyReference:
            return True
        if value and kind in (list, tuple, dict):
            first = next(iter(value.values() if kind is dict else value))
            if type(first) is KeyReference:
                return True
    return False


def _pickle_with_references(
    call: Call, refs: dict[str, None], pickler: Callable[..., pickle.Pickler]
) -> bytes:
    refs.clear()
    file = io.BytesIO()
    writer = pickler(file, protocol=PROTOCOL)

    def persistent_id(value: object) -> str | None:
        if type(value) is not KeyReference:
            return None
        refs[value.key] = None
        return value.key

    writer.persistent_id = persistent_id  # type: ignore[method-assign]
    writer.dump(call)
    return file.getvalue()


def _name_the_culprit(
    args: Sequence[object], kwargs: Mapping[str, object], error: Exception
) -> UnpicklableArgument:
    places = [(f"argument {number}", value) for number, value in enumerate(args)]
    places += [(f"argument {name!r}", value) for name, value in kwargs.items()]
    for place, value in places:
        try:
            _pickle_with_references(((value,), {}), {}, cloudpickle.Pickler)
        except Exception as reason:
            return UnpicklableArgument(
                f"{place}, of type {qualified_name(type(value))}, cannot be sent to a worker: "
                f"{describe(reason)}; make it in the task, of what can be sent"
            )
    return UnpicklableArgument(f"the arguments cannot be sent to a worker: {describe(error)}")


def _neutral_argument(
    name: str, value: object, codecs: Sequence[str], refs: dict[str, None]
) -> pb.Argument:
    if isinstance(value, KeyReference):
        refs[value.key] = None
        return pb.Argument(name=name, key=value.key)
    inside: dict[str, None] = {}
    literal = encode(_with_json_references(value, inside), codecs if not inside else ("json",))
    literal.refs.extend(inside)
    refs.update(inside)
    return pb.Argument(name=name, literal=literal)


def _with_json_references(value: object, refs: dict[str, None]) -> object:
    """Return plain data in which each placeholder is the object {"$ref": key}."""
    if isinstance(value, KeyReference):
        refs[value.key] = None
        return {REFERENCE: value.key}
    if isinstance(value, list | tuple):
        return [_with_json_references(item, refs) for item in value]
    if isinstance(value, dict):
        return {name: _with_json_references(item, refs) for name, item in value.items()}
    return value


def _unpickle_call(packed: pb.Payload, results: Mapping[str, object]) -> Call:
    if not packed.refs:
        return cast("Call", unpickle(packed.data, packed.buffers))
    kind = Unpickler if NAMES_SOMETHING in packed.data else _Unpickler
    reader = kind(io.BytesIO(packed.data), buffers=writable(packed.buffers))
    reader.persistent_load = results.__getitem__  # type: ignore[method-assign]
    try:
        return cast("Call", reader.load())
    finally:
        del reader  # it remembers all that it has read: see `Call.run` for who may keep this frame


def _call_of_arguments(arguments: Sequence[pb.Argument], results: Mapping[str, object]) -> Call:
    args: list[object] = []
    kwargs: dict[str, object] = {}
    for argument in arguments:
        value = _value_of_argument(argument, results)
        if argument.name:
            kwargs[argument.name] = value
        else:
            args.append(value)
    return tuple(args), kwargs


def _value_of_argument(argument: pb.Argument, results: Mapping[str, object]) -> object:
    source = argument.WhichOneof("value")
    if source == "key":
        return _result(argument.key, results)
    if source == "literal":
        literal = argument.literal
        if literal.codec == "json" and literal.refs:
            return _json_with_results(literal, results)
        return decode(literal)
    raise SerializationError(f"an argument without a value: {source or 'nothing is set'}")


def _result(key: str, results: Mapping[str, object]) -> object:
    try:
        return results[key]
    except KeyError:
        raise SerializationError(f"the result of {key!r} is not at hand") from None


def _json_with_results(literal: pb.Payload, results: Mapping[str, object]) -> object:
    refs = set(literal.refs)

    def resolved(item: dict[str, object]) -> object:
        key = item.get(REFERENCE)
        if len(item) == 1 and isinstance(key, str) and key in refs:
            return _result(key, results)
        return item

    try:
        return json.loads(literal.data, object_hook=resolved)
    except ValueError as error:
        raise SerializationError(f"an argument is no JSON: {describe(error)}") from error
