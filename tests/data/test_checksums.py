"""Checksums are those of zlib, whoever computes them: other languages check them."""

from __future__ import annotations

import zlib

import pytest

from gdistributed.data import checksums


def test_checksums_are_those_of_zlib() -> None:
    for data in (b"", b"a", bytes(range(256)) * 5000, memoryview(bytearray(b"xyz" * 1000))[1:]):
        assert checksums.crc32(data) == zlib.crc32(data)
        assert checksums.crc32(data, 7) == zlib.crc32(data, 7)
        assert checksums.crc32(data) == checksums.crc32(data[1:], checksums.crc32(data[:1]))


def test_the_fast_way_is_taken_where_it_is_installed() -> None:
    fast = pytest.importorskip("isal.isal_zlib")
    assert checksums.crc32 is fast.crc32
