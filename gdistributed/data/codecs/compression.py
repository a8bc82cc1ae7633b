"""Compression of data that goes to other hosts, a piece at a time, where it helps.

The receiver says what it can undo, and the sender's setting what it would like. A few samples of a
piece are compressed first, so that what does not shrink costs next to nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import ClassVar, Final, Protocol

from gdistributed.data.codecs.encoded import Buffer
from gdistributed.errors import CodecUnsupported
from gdistributed.settings import KIB

AUTO: Final = "auto"
NONE: Final = "none"
SAMPLE_NBYTES: Final = 8 * KIB
SAMPLES: Final = 4
SKIPPED: Final = 7
SMALL_NBYTES: Final = 64 * KIB
WORTH_SHARE: Final = 0.7
GZIP: Final = zlib.MAX_WBITS | 16  # zlib's word for the format of RFC 1952
CAPABILITY: Final = "compression-"


class Compression(Protocol):
    """One way to make bytes fewer."""

    name: ClassVar[str]
    package: ClassVar[str]

    def compress(self, data: Buffer) -> bytes:
        """Return fewer bytes, if the data is of that kind."""

    def decompress(self, data: Buffer, nbytes: int = -1) -> bytes:
        """Return what was compressed, at most so many bytes of it; -1 means all.

        Any exception means that the data is broken.
        """


class Lz4:
    """`lz4`: the LZ4 frame format; fast."""

    name: ClassVar[str] = "lz4"
    package: ClassVar[str] = "lz4"

    def compress(self, data: Buffer) -> bytes:
        import lz4.frame

        return lz4.frame.compress(data)  # type: ignore[no-any-return]

    def decompress(self, data: Buffer, nbytes: int = -1) -> bytes:
        import lz4.frame

        reader = lz4.frame.LZ4FrameDecompressor()
        return _whole(reader.decompress(data, nbytes), nbytes, reader.eof)


class Zstd:
    """`zstd`: half the size of `lz4`, in twice the time."""

    name: ClassVar[str] = "zstd"
    package: ClassVar[str] = "zstandard"

    def compress(self, data: Buffer) -> bytes:
        import zstandard

        return zstandard.ZstdCompressor(level=1).compress(data)

    def decompress(self, data: Buffer, nbytes: int = -1) -> bytes:
        import zstandard

        if nbytes < 0:
            whole = zstandard.ZstdDecompressor().decompressobj()
            return _whole(whole.decompress(data), nbytes, whole.eof)
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            return reader.read(nbytes)


class Gzip:
    """`gzip`: what everybody can undo, but slow; never chosen by itself."""

    name: ClassVar[str] = "gzip"
    package: ClassVar[str] = ""

    def compress(self, data: Buffer) -> bytes:
        writer = zlib.compressobj(1, wbits=GZIP)
        return writer.compress(data) + writer.flush()

    def decompress(self, data: Buffer, nbytes: int = -1) -> bytes:
        reader = zlib.decompressobj(GZIP)
        return _whole(reader.decompress(data, max(nbytes, 0)), nbytes, reader.eof)


def _whole(data: bytes, nbytes: int, is_end: bool) -> bytes:
    if nbytes < 0 and not is_end:
        raise EOFError("it ends too early")
    return data


ALL: Final[dict[str, Compression]] = {each.name: each for each in (Lz4(), Zstd(), Gzip())}
BY_ITSELF: Final = ("lz4", "zstd")


@cache
def compressions() -> tuple[str, ...]:
    """Return the names of all compressions that this process does and undoes."""
    there = (each for each in ALL.values() if not each.package or find_spec(each.package))
    return tuple(each.name for each in there)


def capabilities() -> tuple[str, ...]:
    """Return the words by which a server announces what it undoes."""
    return tuple(CAPABILITY + name for name in compressions())


def announced_in(words: Iterable[str]) -> tuple[str, ...]:
    """Return what a server undoes whose capabilities are these words."""
    return tuple(word.removeprefix(CAPABILITY) for word in words if word.startswith(CAPABILITY))


def check_setting(setting: str) -> None:
    """Check what a user has set.

    Raises
    ------
    ValueError
        If there is no such compression, or its package is not installed.
    """
    if setting not in (AUTO, NONE, *compressions()):
        raise ValueError(
            f"compression must be {AUTO!r}, {NONE!r} or one of {', '.join(compressions())}, and is "
            f"{setting!r}"
            + (": pip install gdistributed[" + setting + "]" if setting in ALL else "")
        )


def agreed_on(setting: str, announced: Iterable[str], *, same_host: bool) -> Compression | None:
    """Return how to compress what goes to a receiver; None for not at all.

    Parameters
    ----------
    setting
        "auto", "none", or the name of a compression, which is then used on the same host too.
    announced
        What the receiver can undo.
    same_host
        Whether the receiver is on this host, where compression only costs.
    """
    if setting == NONE or (setting == AUTO and same_host):
        return None
    known = set(announced) & set(compressions())
    wanted = BY_ITSELF if setting == AUTO else (setting,)
    return next((ALL[name] for name in wanted if name in known), None)


class Samples:
    """Tells by a few samples which pieces of a value would shrink well.

    After one that would not, the next few are not looked at, so that data that does not shrink
    costs nothing that could be measured.
    """

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._to_skip = 0

    def say_it_shrinks(self, data: memoryview) -> bool:
        """Say whether a piece is worth the work."""
        if data.nbytes < SMALL_NBYTES:
            return False
        if self._to_skip:
            self._to_skip -= 1
            return False
        samples = list(_samples(data))
        shrunk_nbytes = sum(len(self._compression.compress(sample)) for sample in samples)
        shrinks = shrunk_nbytes <= WORTH_SHARE * sum(sample.nbytes for sample in samples)
        self._to_skip = 0 if shrinks else SKIPPED
        return shrinks


def decompress(name: str, data: Buffer, nbytes: int = -1) -> Buffer:
    """Return what was compressed, at most so many bytes of it; -1 means all.

    Raises
    ------
    CodecUnsupported
        If this process does not undo this compression.
    ValueError
        If the data is broken.
    """
    if not name:
        return data
    if name not in compressions():
        raise CodecUnsupported(
            f"this process does not undo the compression {name!r}; it undoes "
            f"{', '.join(compressions())}"
        )
    try:
        return ALL[name].decompress(data, nbytes)
    except Exception as error:
        raise ValueError(f"data in {name!r} cannot be decompressed: {error}") from error


def _samples(data: memoryview) -> Iterator[memoryview]:
    """Yield pieces of it, the first and the last bytes among them."""
    step = (data.nbytes - SAMPLE_NBYTES) // (SAMPLES - 1)
    for number in range(SAMPLES):
        yield data[number * step : number * step + SAMPLE_NBYTES]
