"""Dask collections: which graph computes them, and what is made of the futures.

After dask's own `compute` and `persist` (dask.base), which do the same for its local schedulers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dask.base import collections_to_expr, is_dask_collection, unpack_collections
from dask.core import flatten

from gdistributed.client.future import Future
from gdistributed.client.keys import Key
from gdistributed.errors import InvariantBroken

Futures = Mapping[Key, Future]
# Functions that come without types.
FLATTEN: Any = flatten
UNPACK: Any = unpack_collections

SEVERAL = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute for collections.

    Attributes
    ----------
    expression
        Gives the graph; None when there is nothing to compute.
    keys
        Keys of the graph that are wanted.
    rebuild
        Makes what the user gets from the futures of these keys.
    """

    expression: Any
    keys: list[Key]
    rebuild: Callable[[Futures], Any]


def compute_plan(given: Any, optimize_graph: bool, traverse: bool) -> Plan:  # noqa: ANN401
    """Plan one future for each collection: its finished value.

    Parameters
    ----------
    given
        A collection or several; what is no collection stays as it is.
    optimize_graph
        Whether dask may optimise.
    traverse
        Whether to look for collections inside lists, tuples, sets and dicts.
    """
    from dask._expr import FinalizeCompute

    items, is_single = _as_list(given)
    if traverse:
        items = [_delayed(item) for item in items]
    places = [number for number, item in enumerate(items) if is_dask_collection(item)]
    if not places:
        return Plan(None, [], lambda futures: given)
    chosen = [items[number] for number in places]
    expression: Any = collections_to_expr(chosen, optimize_graph)
    finalize: Any = FinalizeCompute
    expression = finalize(expression).optimize()
    keys: list[Key] = list(FLATTEN(expression.__dask_keys__()))
    if len(keys) != len(places):
        raise InvariantBroken(f"{len(places)} collections were finalised to {len(keys)} keys")

    def rebuild(futures: Futures) -> Any:  # noqa: ANN401
        result = list(items)
        for number, key in zip(places, keys, strict=True):
            result[number] = futures[key]
        return result[0] if is_single else result

    return Plan(expression, keys, rebuild)


def persist_plan(given: Any, optimize_graph: bool) -> Plan:  # noqa: ANN401
    """Plan the same collections, with futures in the places of their tasks."""
    from dask._expr import CompositeExpr, _ExprSequence

    items, is_single = _as_list(given)
    places = [number for number, item in enumerate(items) if is_dask_collection(item)]
    if not places:
        return Plan(None, [], lambda futures: given)
    chosen = [items[number] for number in places]
    expression: Any = collections_to_expr(chosen, optimize_graph)
    has_composite = any(isinstance(each, CompositeExpr) for each in expression.operands)
    expression = expression.optimize()
    is_split = has_composite and isinstance(expression, _ExprSequence)
    parts = list(expression.operands) if is_split else [None] * len(chosen)
    keys = [list(FLATTEN(each)) for each in expression.__dask_keys__()]

    def rebuild(futures: Futures) -> Any:  # noqa: ANN401
        result = list(items)
        for number, part, part_keys in zip(places, parts, keys, strict=True):
            result[number] = _rebuilt(items[number], part, part_keys, futures)
        return result[0] if is_single else _like(given, result)

    return Plan(expression, [key for part in keys for key in part], rebuild)


def _rebuilt(collection: Any, part: Any, keys: list[Key], futures: Futures) -> Any:  # noqa: ANN401
    from dask._expr import CompositeExpr

    if isinstance(part, CompositeExpr):
        from dask.base import _rebuild_composite_collection

        return _rebuild_composite_collection(
            collection, part, dict(futures), cull_to_child_keys=True
        )
    make, state = collection.__dask_postpersist__()
    return make({key: futures[key] for key in keys}, *state)


def _as_list(given: Any) -> tuple[list[Any], bool]:  # noqa: ANN401
    if isinstance(given, SEVERAL):
        return list(given), False
    return [given], True


def _like(given: Any, items: list[Any]) -> Any:  # noqa: ANN401
    return tuple(items) if isinstance(given, tuple) else items


def _delayed(item: Any) -> Any:  # noqa: ANN401
    """Make one collection of a container that has collections inside."""
    if isinstance(item, list | tuple | set | dict):
        from dask.delayed import delayed

        found, _ = UNPACK(item)
        if found:
            return delayed(item)
    return item
