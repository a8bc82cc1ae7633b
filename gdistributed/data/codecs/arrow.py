"""Codec `arrow`: tables and columns as an Arrow IPC stream, which every language reads.

pandas and polars frames go by way of pyarrow, and an attribute says what they were. The stream is
not put together: its large pieces are buffers, views of the columns' own memory, and the data and
the buffers one after the other are the stream.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from gdistributed.data.codecs.encoded import Buffer, Encoded
from gdistributed.errors import SerializationError
from gdistributed.settings import KIB

KIND: Final = "python_type"
UNNAMED: Final = "series_without_name"
COLUMN: Final = "value"
APART_NBYTES: Final = 64 * KIB

Attributes = Mapping[str, str]
Stream = tuple[Any, Iterable[Any], Attributes]  # schema, batches, what it was


class ArrowCodec:
    """`arrow`: an Arrow IPC stream."""

    name: ClassVar[str] = "arrow"

    def encode(self, value: object) -> Encoded | None:
        root = type(value).__module__.partition(".")[0]
        library = sys.modules.get(root)
        stream_of = _STREAMS.get(root)
        if stream_of is None or library is None:
            return None
        try:
            import pyarrow as pa

            found = stream_of(library, value)
            if found is None:
                return None
            schema, batches, attributes = found
            pieces = Pieces()
            with pa.ipc.new_stream(pa.PythonFile(pieces, "w"), schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        except Exception as error:
            raise SerializationError(f"Arrow cannot say it: {error}") from error
        data, *buffers = pieces.parts()
        return Encoded(self.name, data, buffers, attributes)

    def decode(self, data: Buffer, buffers: Sequence[Buffer], attributes: Attributes) -> Any:  # noqa: ANN401
        import pyarrow as pa

        stream = pa.py_buffer(b"".join((data, *buffers)) if buffers else data)
        kind = attributes.get(KIND, "pyarrow.Table")
        with pa.ipc.open_stream(stream) as reader:
            if kind == "pyarrow.RecordBatch":
                return reader.read_next_batch()
            if kind == "pyarrow.Array":
                return reader.read_next_batch().column(0)
            table = reader.read_all()
        if kind == "pyarrow.ChunkedArray":
            return table.column(0)
        if kind.startswith("pandas."):
            return _as_pandas(table, attributes)
        if kind.startswith("polars."):
            return _as_polars(table, attributes)
        return table


class Pieces:
    """A file that keeps what is written to it: large buffers as they are, small ones joined."""

    closed: ClassVar[bool] = False

    def __init__(self) -> None:
        self._parts: list[Buffer] = []
        self._small = bytearray()

    def write(self, piece: Any) -> None:  # noqa: ANN401  # bytes, or a buffer of pyarrow
        """Take in what comes next."""
        view = memoryview(piece)
        if view.nbytes < APART_NBYTES:
            self._small += view
        else:
            self._parts += [self._small, view]
            self._small = bytearray()

    def parts(self) -> list[Buffer]:
        """Return all that was written, in order. The stream begins and ends with small pieces."""
        return [*self._parts, self._small]


def _of_pyarrow(pa: Any, value: Any) -> Stream | None:  # noqa: ANN401
    if isinstance(value, pa.Table):
        return _stream(value, {KIND: "pyarrow.Table"})
    if isinstance(value, pa.RecordBatch):
        return value.schema, [value], {KIND: "pyarrow.RecordBatch"}
    if isinstance(value, pa.Array):
        batch = pa.record_batch([value], [COLUMN])
        return batch.schema, [batch], {KIND: "pyarrow.Array"}
    if isinstance(value, pa.ChunkedArray):
        table = pa.table([value], [COLUMN])
        return _stream(table, {KIND: "pyarrow.ChunkedArray"})
    return None


def _of_pandas(pd: Any, value: Any) -> Stream | None:  # noqa: ANN401
    import pyarrow as pa

    if type(value) is pd.DataFrame:
        frame, attributes = value, {KIND: "pandas.DataFrame"}
    elif type(value) is pd.Series:
        attributes = {KIND: "pandas.Series"}
        if value.name is None:
            attributes[UNNAMED] = "true"
        frame = value.to_frame(COLUMN if value.name is None else value.name)
    else:
        return None
    table = pa.Table.from_pandas(frame)
    names = table.schema.empty_table().to_pandas().columns
    if list(names) != list(frame.columns) or not all(map(_is_text, frame.index.names)):
        raise ValueError("names of its rows or columns would become text")
    return _stream(table, attributes)


def _of_polars(pl: Any, value: Any) -> Stream | None:  # noqa: ANN401
    if type(value) is pl.DataFrame:
        frame, attributes = value, {KIND: "polars.DataFrame"}
    elif type(value) is pl.Series:
        attributes = {KIND: "polars.Series"} | ({} if value.name else {UNNAMED: "true"})
        frame = value.to_frame(value.name or COLUMN)
    else:
        return None
    if any(dtype.base_type() is pl.Object for dtype in frame.schema.values()):
        raise ValueError("it has Python objects in it")
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    if pl.from_arrow(table.schema.empty_table()).schema != frame.schema:
        raise ValueError(f"not all of its types would be the same again: {frame.schema}")
    return _stream(table, attributes)


def _stream(table: Any, attributes: Attributes) -> Stream:  # noqa: ANN401
    import pyarrow as pa

    batches = table.to_batches()
    if not batches:  # an empty one still carries the categories of its columns
        columns = [column.combine_chunks() for column in table.columns]
        batches = [pa.record_batch(columns, schema=table.schema)]
    return table.schema, batches, attributes


def _is_text(name: object) -> bool:
    return name is None or isinstance(name, str)


def _as_pandas(table: Any, attributes: Attributes) -> Any:  # noqa: ANN401
    frame = table.to_pandas()
    if attributes[KIND] == "pandas.DataFrame":
        return frame
    series = frame.iloc[:, 0]
    return series.rename(None) if UNNAMED in attributes else series


def _as_polars(table: Any, attributes: Attributes) -> Any:  # noqa: ANN401
    import polars as pl

    frame: Any = pl.from_arrow(table)
    if attributes[KIND] == "polars.DataFrame":
        return frame
    series = frame.to_series()
    return series.alias("") if UNNAMED in attributes else series


_STREAMS: Final[Mapping[str, Callable[[Any, Any], Stream | None]]] = {
    "pyarrow": _of_pyarrow,
    "pandas": _of_pandas,
    "polars": _of_polars,
}
