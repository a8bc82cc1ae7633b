"""Whoever keeps values and shares them with others of the machine."""

from __future__ import annotations

from gdistributed.data.codecs import decode_parts, encode_parts
from gdistributed.data.shared_memory import SharedMemory, same_host
from gdistributed.v1 import worker_pb2


class Holder:
    """Keeps values by key, as a worker does."""

    def __init__(self, **values: object) -> None:
        self.values = values
        self.memory = SharedMemory(same_host(), replace=self.replace)

    def replace(self, key: str, old: object, new: object) -> bool:
        assert self.values[key] is old
        self.values[key] = new
        return True

    async def lend(self, key: str) -> worker_pb2.SharedValue | None:
        lending = self.memory.with_host(same_host())
        assert lending is not None
        self.lending = lending
        value = self.values[key]
        return await lending.lend(key, value, encode_parts(value))

    def take(self, shared: worker_pb2.SharedValue, key: str = "x") -> object:
        """Take in what another lends, as a worker does."""
        opened = self.memory.open(shared)
        assert opened is not None
        value = read(shared, opened.parts)
        self.values[key] = value
        self.memory.adopt(key, value, opened)
        return value


def read(shared: worker_pb2.SharedValue, parts: list[object]) -> object:
    data, *buffers = parts
    return decode_parts(shared.value.codec, data, buffers, shared.value.attributes)  # type: ignore[arg-type]
