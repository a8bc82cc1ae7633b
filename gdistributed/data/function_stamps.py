"""When a function that was packed before may be taken to be the same.

Code carries along the globals and closures that a function uses, as they are when it is packed. A
stamp holds all of them; a function that uses something that may change within (a list, an object
of a class) has no stamp and is packed anew each time. So a function that is defined again, or whose
globals are set again, as one does in a notebook, never runs in its old form.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

import cloudpickle

Stamp = tuple[object, ...]

PLAIN: Final = (type(None), bool, int, float, complex, str, bytes)
MISSING: Final = object()


def stamp_of(function: Callable[..., Any]) -> Stamp | None:
    """Return what a function is made of, or None when it may change without trace.

    Two stamps of one function are equal if it would be packed into the same code.
    """
    if is_by_reference(function):
        return ()
    if not isinstance(function, types.FunctionType):
        return None
    parts: list[object] = []
    return tuple(parts) if _collect(function, parts, set()) else None


def is_by_reference(value: object) -> bool:
    """Say whether a function or class is packed as a mere name, looked up in its module."""
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return False
    module_name = value.__module__
    if module_name in ("__main__", None) or _is_by_value(module_name):
        return False
    found: object = sys.modules.get(module_name)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def _is_by_value(module_name: str) -> bool:
    chosen = cloudpickle.list_registry_pickle_by_value()
    return any(f"{module_name}.".startswith(f"{name}.") for name in chosen)


def _collect(function: types.FunctionType, parts: list[object], seen: set[int]) -> bool:
    """Add what a function uses to the parts; False when some of it may change."""
    if id(function) in seen:
        return True
    seen.add(id(function))
    parts.append(function.__code__)
    return all(_collect_value(value, parts, seen) for value in _used_by(function))


def _used_by(function: types.FunctionType) -> Iterator[object]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from function.__dict__.values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield MISSING  # a name that is not bound yet
    for name in _global_names(function.__code__):
        yield function.__globals__.get(name, MISSING)


def _collect_value(value: object, parts: list[object], seen: set[int]) -> bool:
    if isinstance(value, PLAIN):
        parts.append((type(value), value))  # 1 == True == 1.0
        return True
    if value is MISSING or isinstance(value, types.ModuleType) or is_by_reference(value):
        parts.append(value)
        return True
    if isinstance(value, tuple):
        parts.append(len(value))
        return all(_collect_value(item, parts, seen) for item in value)
    return isinstance(value, types.FunctionType) and _collect(value, parts, seen)


@functools.lru_cache(maxsize=1000)
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that code, and the code inside it, may look up among the globals."""
    names = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(dict.fromkeys(_global_names(constant)))
    return tuple(names)
