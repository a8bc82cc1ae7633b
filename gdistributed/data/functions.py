"""The functions that tasks run: by name where every worker finds them, else as code.

A function is announced once on a stream and then named by its id. Packing it again must be cheap:
what was packed is kept for as long as it is surely the same (see `function_stamps`).
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import sys
import sysconfig
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cloudpickle

from gdistributed.data.codecs import decode
from gdistributed.data.codecs.pickled import CLOUDPICKLE, PROTOCOL, PYTHON_VERSION, describe
from gdistributed.data.function_stamps import Stamp, stamp_of
from gdistributed.data.offered_functions import offered_function
from gdistributed.errors import SerializationError, UnknownFunction, UnpicklableArgument
from gdistributed.settings import PYTHON
from gdistributed.v1 import task_pb2, value_pb2

LOADED_MAX: Final = 10_000

Anything = Callable[..., Any]

_packed: weakref.WeakKeyDictionary[Anything, tuple[Stamp, task_pb2.Function]] = (
    weakref.WeakKeyDictionary()
)
_loaded: OrderedDict[str, Anything] = OrderedDict()
_loading = threading.Lock()


def pack_function(function: Anything) -> task_pb2.Function:
    """Return the message that announces a function.

    A function of the standard library, of an installed package or of gdistributed itself goes by
    name; everything else as code. The message is shared: do not change it.

    Raises
    ------
    UnpicklableArgument
        If it is no callable, or refers to something that cannot be sent; the message names it.
    """
    if not callable(function):
        raise UnpicklableArgument(f"{function!r} cannot be called: it is no function")
    stamp = stamp_of(function)
    if stamp is None:
        return _pack(function)
    known = _packed.get(function)
    if known is not None and known[0] == stamp:
        return known[1]
    message = _pack(function)
    _packed[function] = (stamp, message)
    return message


def load_function(message: task_pb2.Function) -> Anything:
    """Return the function that a message announces. Each is loaded once in a process.

    Raises
    ------
    SerializationError
        If there is no such function here, or its code cannot be read.
    """
    function = _loaded.get(message.id)
    if function is not None:
        return function
    if message.runtime not in ("", PYTHON):
        raise _unknown(
            f"{message.name!r} is a function of the runtime {message.runtime!r}, which this "
            f"process does not run"
        )
    with _loading:
        function = _find(message.name) if message.name else _read_code(message)
        if message.id:
            _loaded[message.id] = function
            if len(_loaded) > LOADED_MAX:
                _loaded.popitem(last=False)
    return function


def forget_functions() -> None:
    """Load functions again when they are asked for next: modules have been replaced."""
    with _loading:
        _loaded.clear()


def function_name(function: Anything) -> str:
    """Return a function's short name, as keys and prefixes use it."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def find_by_name(name: str) -> Anything:
    """Return the function of a dotted name, importing the longest part of it that is a module.

    Raises
    ------
    SerializationError
        If there is no such module or attribute, or it cannot be called.
    """
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
                continue  # the last part may be a class
            raise SerializationError(f"function {name!r}: {describe(error)}") from error
        except Exception as error:
            raise SerializationError(f"function {name!r}: {describe(error)}") from error
        try:
            for part in parts[length:]:
                found = getattr(found, part)
        except AttributeError as error:
            raise _unknown(f"there is no function {name!r}: {error}") from error
        if not callable(found):
            raise _unknown(f"{name!r} is no function but a {type(found).__name__}")
        return found  # type: ignore[no-any-return]
    raise _unknown(f"there is no function {name!r}: no module of that name can be found")


def _unknown(text: str) -> SerializationError:
    return SerializationError(text).with_reason(UnknownFunction.reason)


def _find(name: str) -> Anything:
    return offered_function(name) or find_by_name(name)


def _pack(function: Anything) -> task_pb2.Function:
    name = importable_name(function)
    if name is not None:
        return task_pb2.Function(id=f"{PYTHON}:{name}", runtime=PYTHON, name=name)
    try:
        data = cloudpickle.dumps(function, protocol=PROTOCOL)
    except Exception as error:
        raise UnpicklableArgument(
            f"function {function_name(function)!r} cannot be sent to a worker: {describe(error)}; "
            f"does it use something of its surroundings that should be made inside of it?"
        ) from error
    code = value_pb2.Payload(codec=CLOUDPICKLE, attributes=PYTHON_VERSION, data=data)
    digest = hashlib.sha256(data).hexdigest()
    return task_pb2.Function(id=f"sha256:{digest}", runtime=PYTHON, code=code)


def importable_name(function: Anything) -> str | None:
    """Return the name under which every worker finds a function, or None when in doubt."""
    module_name = getattr(function, "__module__", None)
    qualified = getattr(function, "__qualname__", None)
    if not isinstance(module_name, str) or not isinstance(qualified, str):
        return None
    if "<" in qualified or not _is_everywhere(module_name):
        return None
    found: object = sys.modules.get(module_name)
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return f"{module_name}.{qualified}" if found is function else None


@functools.lru_cache(maxsize=1000)
def _is_everywhere(module_name: str) -> bool:
    """Say whether a module is Python's own, installed, or ours."""
    if module_name == "__main__" or module_name not in sys.modules:
        return False
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "gdistributed":
        return True
    file = getattr(sys.modules[module_name], "__file__", None)
    if not isinstance(file, str):
        return False
    path = Path(file).resolve()
    return any(path.is_relative_to(folder) for folder in _installed_folders())


@functools.cache
def _installed_folders() -> list[Path]:
    paths = sysconfig.get_paths()
    return [Path(paths[name]).resolve() for name in ("purelib", "platlib")]


def _read_code(message: task_pb2.Function) -> Anything:
    if not message.HasField("code"):
        raise SerializationError(f"function {message.id!r} has neither a name nor code")
    try:
        function = decode(message.code)
    except SerializationError as error:
        raise SerializationError(f"function {message.id!r}: {error}") from error
    if not callable(function):
        raise SerializationError(
            f"function {message.id!r} is no function but a {type(function).__name__}"
        )
    return function
