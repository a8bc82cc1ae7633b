"""What is held for a worker that calls by Synchronize: encoded values, all of them counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gdistributed.core.worker.synchronizing import SAFE_CODECS, check_payload, check_size
from gdistributed.data.codecs import Encoded, decode, decode_parts, encode_parts
from gdistributed.errors import CodecUnsupported
from gdistributed.services.scheduler.plain import value_of_json
from gdistributed.v1 import scheduler_pb2, value_pb2, worker_pb2


@dataclass(slots=True)
class Ledger:
    """How many bytes are held for all such workers together, and how many may be."""

    nbytes_max: int
    nbytes: int = 0


class HeldValues:
    """The values of one worker, by key.

    Parameters
    ----------
    ledger
        In which they are counted.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._values: dict[str, Encoded] = {}
        self._nbytes = 0

    def count(self, nbytes: int) -> None:
        """Count what else is held for the worker; or, with less than 0, is no longer."""
        self._nbytes += nbytes
        self._ledger.nbytes += nbytes

    def close(self) -> None:
        """Drop everything."""
        self._values.clear()
        self.count(-self._nbytes)

    def keep(self, key: str, encoded: Encoded) -> worker_pb2.StoredData:
        """Store a value, and describe it.

        Raises
        ------
        ValueTooLarge
            If there is no room for it.
        """
        ledger = self._ledger
        what = f"with {key!r}, all that is held takes"
        check_size(what, ledger.nbytes + encoded.nbytes, ledger.nbytes_max)
        self.drop(key)
        self._values[key] = encoded
        self.count(encoded.nbytes)
        return worker_pb2.StoredData(key=key, nbytes=encoded.nbytes, type=encoded.codec)

    def drop(self, key: str) -> None:
        """Delete a value, if it is there."""
        encoded = self._values.pop(key, None)
        if encoded is not None:
            self.count(-encoded.nbytes)

    def of_dependency(self, dependency: worker_pb2.Dependency) -> object:
        """Return the value of a dependency, which is here or rode along.

        Raises
        ------
        SerializationError
            If it cannot be read.
        """
        encoded = self._values.get(dependency.key)
        if encoded is None:
            encoded = encoded_of_payload(value_pb2.Payload.FromString(dependency.value))
        return decode_parts(encoded.codec, encoded.data)

    def encoded_in(self, key: str, codecs: Sequence[str]) -> Encoded:
        """Return a value as it is, or in a codec of its reader if that accepts others only.

        Raises
        ------
        KeyError
            If it is not held.
        CodecUnsupported
            If none of the codecs can say it.
        """
        encoded = self._values[key]
        if not codecs or encoded.codec in codecs:
            return encoded
        return encode_parts(decode_parts(encoded.codec, encoded.data), codecs)


def encoded_of_payload(payload: value_pb2.Payload) -> Encoded:
    """Return a value that came in a message, if it is in a safe codec.

    Raises
    ------
    CodecUnsupported
        If it is not.
    """
    check_payload(payload)
    return Encoded(payload.codec or "null", payload.data)


def encoded_of_outcome(outcome: scheduler_pb2.PlainOutcome, codecs: Sequence[str]) -> Encoded:
    """Return a result as a worker has said it, in the first of some codecs that can say it.

    Raises
    ------
    SerializationError
        If it is not what it claims to be, or none of the codecs can say it.
    """
    value: object = None
    source = outcome.WhichOneof("outcome")
    if source == "payload":
        check_payload(outcome.payload)
        value = decode(outcome.payload)
    elif source == "json":
        value = value_of_json(outcome.json)
    safe = [codec for codec in codecs or SAFE_CODECS if codec in SAFE_CODECS]
    if not safe:
        raise CodecUnsupported(
            f"a result of a worker that calls by Synchronize is in {', '.join(SAFE_CODECS)}, and "
            f"not in {', '.join(codecs)}"
        )
    return encode_parts(value, safe)
