"""A dict is used as it is; any other mapping by one thread only, in order."""

from __future__ import annotations

import threading
from collections import UserDict
from pathlib import Path

import pytest

from gdistributed.data.sizes import sizeof
from gdistributed.data.spilling import SpillingDict
from gdistributed.data.store import open_store
from gdistributed.settings import MIB


class Watched(UserDict[str, object]):
    """Notes which threads come by."""

    def __init__(self) -> None:
        super().__init__()
        self.visitors: set[str] = set()

    def __getitem__(self, key: str) -> object:
        self.visitors.add(threading.current_thread().name)
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: object) -> None:
        self.visitors.add(threading.current_thread().name)
        if value == "unbearable":
            raise OSError("no room")
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.visitors.add(threading.current_thread().name)
        if key == "clings":
            raise OSError("stuck")
        super().__delitem__(key)


@pytest.mark.parametrize("kind", [dict, Watched, SpillingDict])
async def test_values_are_put_read_and_dropped(kind: type, tmp_path: Path) -> None:
    store = open_store(SpillingDict(tmp_path, MIB) if kind is SpillingDict else kind())
    await store.put("x", 1, 28)
    await store.put("y", 2, 28)
    assert await store.get("x") == 1
    assert store.value_of("y") == 2
    store.drop(["x", "unknown"])
    with pytest.raises(KeyError):
        await store.get("x")
    assert list(store.mapping) == ["y"]
    store.close()


async def test_a_mapping_of_others_is_used_by_one_thread() -> None:
    mapping = Watched()
    store = open_store(mapping)
    await store.put("x", 1, 28)
    await store.get("x")
    store.value_of("x")
    store.drop(["x"])
    with pytest.raises(KeyError):
        await store.get("x")
    assert mapping.visitors == {"gd-store_0"}
    store.close()


async def test_what_a_mapping_raises_is_raised() -> None:
    store = open_store(Watched())
    with pytest.raises(OSError, match="no room"):
        await store.put("x", "unbearable", 60)
    store.close()


async def test_a_mapping_that_does_not_drop_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(Watched())
    await store.put("clings", 1, 28)
    await store.put("y", 1, 28)
    store.drop(["clings", "y"])
    with pytest.raises(KeyError):
        await store.get("y")
    assert "stuck" in caplog.text
    store.close()


def test_sizes_are_estimated() -> None:
    class Liar:
        def __sizeof__(self) -> int:
            raise ZeroDivisionError

    assert sizeof(b"x" * 1000) == 1033
    assert sizeof([b"x" * 1000] * 3) > 3000
    assert sizeof(None) < 100
    assert sizeof(Liar()) == 10_000
