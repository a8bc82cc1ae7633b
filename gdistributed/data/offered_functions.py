"""Python functions that are offered by name: to clients of other languages, and to `remote`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, overload

from gdistributed.errors import UsageError
from gdistributed.v1 import worker_pb2

DESCRIPTION_LENGTH_MAX: Final = 200

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Offered:
    function: Callable[..., Any]
    offer: worker_pb2.FunctionOffer


_offered: dict[str, _Offered] = {}


@overload
def function(marked: F, /) -> F: ...


@overload
def function(
    *, name: str = "", description: str = "", accepts: Iterable[str] = (), version: str = ""
) -> Callable[[F], F]: ...


def function(
    marked: F | None = None,
    /,
    *,
    name: str = "",
    description: str = "",
    accepts: Iterable[str] = (),
    version: str = "",
) -> F | Callable[[F], F]:
    """Mark a function as one that workers offer by name, to callers of any language.

    The function itself is returned as it is. A worker offers those of the modules that it is told
    of: ``gd worker --functions MODULE``.

    Parameters
    ----------
    name
        What it is called by; ``"module.name"`` by default.
    description
        One line for people; the first line of its docstring by default.
    accepts
        Codecs in which it takes its arguments, best first; by default all that workers read.
    version
        Version of the function, for people.

    Raises
    ------
    UsageError
        If another function has the name in this process.

    Examples
    --------
    >>> @function(name="till.total")
    ... def total(net, rate=0.19):
    ...     \"\"\"Price with tax.\"\"\"
    ...     return round(net * (1 + rate), 2)
    >>> total(100)
    119.0
    """

    def mark(this: F) -> F:
        if not callable(this):
            raise TypeError(f"only a function can be offered by name, and not {this!r}")
        called = name or f"{this.__module__}.{this.__qualname__}"
        other = _offered.get(called)
        if other is not None and _home(other.function) != _home(this):
            raise UsageError(
                f"two functions are called {called!r}: one of {_home(other.function)} and one of "
                f"{_home(this)}; give one another name"
            )
        line = description or (inspect.getdoc(this) or "").partition("\n")[0]
        offer = worker_pb2.FunctionOffer(
            name=called,
            description=line[:DESCRIPTION_LENGTH_MAX],
            accepts=accepts,
            version=version,
        )
        _offered[called] = _Offered(this, offer)
        return this

    return mark if marked is None else mark(marked)


def offered_function(name: str) -> Callable[..., Any] | None:
    """Return the function that was marked with this name, if there is one."""
    found = _offered.get(name)
    return found.function if found is not None else None


def offers_of(modules: Iterable[str]) -> list[worker_pb2.FunctionOffer]:
    """Import modules, and return what the marked functions in them offer, sorted by name.

    Raises
    ------
    UsageError
        If a module cannot be imported, or has no marked function.
    """
    found: dict[str, worker_pb2.FunctionOffer] = {}
    for module_name in modules:
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise UsageError(
                f"the functions of the module {module_name!r} are to be offered, and it cannot be "
                f"imported: {type(error).__name__}: {error}"
            ) from error
        its = {id(value) for value in vars(module).values()}
        offers = [each.offer for each in _offered.values() if id(each.function) in its]
        if not offers:
            raise UsageError(
                f"the module {module_name!r} offers no function: mark one with "
                f"@gdistributed.function"
            )
        found.update((offer.name, offer) for offer in offers)
    return [found[name] for name in sorted(found)]


def _home(this: Callable[..., Any]) -> str:
    return f"{this.__module__}.{this.__qualname__}"
