"""Futures inside lists, tuples, sets and dicts: found, and replaced, however deep they lie.

The handle of an actor counts as the future that keeps it alive.

Named tuples stay named tuples. Other objects are not looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gdistributed.client.actors import Actor, future_of
from gdistributed.client.future import Future
from gdistributed.client.keys import SCALARS, Key

CONTAINERS: Final = (list, tuple, set, frozenset, dict)


class _Skipped:
    """Stands for something that is left out of its container."""


SKIPPED: Final = _Skipped()


def find_futures(value: object) -> Iterator[Future]:
    """Yield all futures inside a value, in order, those that come twice twice."""
    if isinstance(value, Future):
        yield value
    elif isinstance(value, Actor):
        yield future_of(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_futures(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            if type(item) is Future:
                yield item
            elif type(item) not in SCALARS:
                yield from find_futures(item)


def replace_futures(value: Any, replacement: Callable[[Future], object]) -> Any:  # noqa: ANN401
    """Return a value with something else in the places of its futures.

    Containers without futures are returned as they are, not copied. A replacement that is SKIPPED
    is left out of the container that it is in; where it is the whole value it is None.
    """
    replaced = _replace(value, replacement)
    return None if replaced is SKIPPED else replaced


def _replace(value: Any, replacement: Callable[[Future], object]) -> Any:  # noqa: ANN401
    if isinstance(value, Future):
        return replacement(value)
    if isinstance(value, Actor):
        return replacement(future_of(value))
    if not isinstance(value, CONTAINERS):
        return value
    if isinstance(value, dict):
        return _replace_in_dict(value, replacement)
    items: list[Any] = []
    is_changed = False
    for item in value:
        new = item
        if type(item) not in SCALARS:
            new = _replace(item, replacement)
            is_changed = is_changed or new is not item
        if new is not SKIPPED:
            items.append(new)
    if not is_changed:
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields") and len(items) == len(value):
        return type(value)(*items)  # a named tuple
    kind = next(kind for kind in CONTAINERS if isinstance(value, kind))
    return kind(items)


def _replace_in_dict(value: dict[Any, Any], replacement: Callable[[Future], object]) -> Any:  # noqa: ANN401
    new = {key: _replace(item, replacement) for key, item in value.items()}
    if all(new[key] is item for key, item in value.items()):
        return value
    return {key: item for key, item in new.items() if item is not SKIPPED}


def flat_keys(keys: Any) -> Iterator[Key]:  # noqa: ANN401
    """Yield a key, or those in lists, however deep."""
    if isinstance(keys, list):
        for each in keys:
            yield from flat_keys(each)
    else:
        yield keys


def shaped_like(keys: Any, values: Mapping[Key, Any]) -> Any:  # noqa: ANN401
    """Return values in the places of their keys."""
    if isinstance(keys, list):
        return [shaped_like(each, values) for each in keys]
    return values[keys]
