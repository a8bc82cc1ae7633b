"""Codecs `python/pickle5` and `python/cloudpickle`: anything that Python can write down.

Large buffers (NumPy arrays and the like) stay apart and are not copied. Plain pickle is tried
first, since it is ten times as fast; cloudpickle takes what it refuses, and all that belongs to
`__main__`, which is another module in every process.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

import cloudpickle

from gdistributed.data.codecs.array_pickling import reducers
from gdistributed.data.codecs.encoded import Buffer, Encoded, writable
from gdistributed.errors import SerializationError

PICKLE: Final = "python/pickle5"
CLOUDPICKLE: Final = "python/cloudpickle"
PROTOCOL: Final = 5
APART_NBYTES: Final = 2048
NAMES_SOMETHING: Final = pickle.STACK_GLOBAL
PYTHON_VERSION: Final = {"python_version": f"{sys.version_info.major}.{sys.version_info.minor}"}

# Kinds of values that hold no others.
SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})

Dumps = Callable[..., bytes]


class PickleCodec:
    """`python/pickle5`, by plain pickle."""

    name: ClassVar[str] = PICKLE

    def encode(self, value: object) -> Encoded | None:
        try:
            data, buffers = pickle_apart(value, dumps)
        except Exception:
            return None  # cloudpickle has the last word, and says why
        return None if belongs_to_main(data) else Encoded(PICKLE, data, buffers)

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        return unpickle(data, buffers)


class CloudpickleCodec:
    """`python/cloudpickle`: code travels with the value."""

    name: ClassVar[str] = CLOUDPICKLE

    def encode(self, value: object) -> Encoded:
        try:
            data, buffers = pickle_apart(value, cloudpickle.dumps)
        except Exception as error:
            raise SerializationError(
                f"a value of type {qualified_name(type(value))} cannot be pickled: "
                f"{describe(error)}"
            ) from error
        return Encoded(CLOUDPICKLE, data, buffers, PYTHON_VERSION)

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        try:
            return unpickle(data, buffers)
        except Exception as error:
            written_by = attributes.get("python_version", "")
            if written_by not in ("", PYTHON_VERSION["python_version"]):
                error.add_note(
                    f"It was written by Python {written_by} and read by Python "
                    f"{PYTHON_VERSION['python_version']}: code moves only within one version."
                )
            raise


def dumps(
    value: object, protocol: int, buffer_callback: Callable[[pickle.PickleBuffer], object]
) -> bytes:
    """Pickle as `pickle.dumps` does, but for arrays."""
    table = None if type(value) in SCALARS else reducers()
    if table is None:
        return pickle.dumps(value, protocol, buffer_callback=buffer_callback)
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol, buffer_callback=buffer_callback)
    pickler.dispatch_table = table
    pickler.dump(value)
    return file.getvalue()


def pickle_apart(value: object, dumps: Dumps) -> tuple[bytes, list[memoryview]]:
    """Pickle a value with its large buffers kept apart."""
    buffers: list[memoryview] = []

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < APART_NBYTES:
            return True
        buffers.append(view)
        return False

    return dumps(value, protocol=PROTOCOL, buffer_callback=keep_inside), buffers


IMPORTING: Final = threading.RLock()


class Unpickler(pickle.Unpickler):
    """Unpickles, and imports one module at a time, packages before what is in them.

    When one thread is importing a package, Python lets another begin with a module inside it, which
    may fail ("partially initialized module", "deadlock detected"). Values that come to a new worker
    do just that.
    """

    def find_class(self, module: str, name: str) -> object:
        """Return what a pickle names."""
        if module not in sys.modules:
            with IMPORTING:
                importlib.import_module(module.partition(".")[0])
                importlib.import_module(module)
        return super().find_class(module, name)


def unpickle(data: Buffer, buffers: Sequence[Buffer] = ()) -> object:
    """Unpickle what `pickle_apart` has pickled. Without anything imported it takes less time."""
    if not buffers and type(data) is bytes and NAMES_SOMETHING not in data:
        return pickle.loads(data)
    return Unpickler(io.BytesIO(data), buffers=writable(buffers)).load()


def belongs_to_main(data: bytes) -> bool:
    """Say whether a pickle names something of the module `__main__`, here or by chance."""
    return data.rfind(b"__main__") >= 0  # from the end it is searched for in a third of the time


def qualified_name(kind: type) -> str:
    """Return a type's name as people write it: `int`, `numpy.ndarray`, `__main__.Thing`."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def describe(error: BaseException) -> str:
    """Return an exception's type and text in one line."""
    return f"{type(error).__name__}: {error}"
