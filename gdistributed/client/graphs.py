"""A dask graph becomes tasks: an expression, a HighLevelGraph or a plain dict goes in.

What a node becomes is said in `graph_calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from dask._task_spec import GraphNode, convert_legacy_graph
from dask.base import get_annotations
from dask.highlevelgraph import HighLevelGraph
from dask.utils import ensure_dict

from gdistributed.client.graph_calls import CallMaker
from gdistributed.client.keys import Key, prefix_of, wire_name
from gdistributed.client.options import TaskOptions, task_options
from gdistributed.client.ordering import count_dependents, order_nodes
from gdistributed.data.arguments import pack_call_of
from gdistributed.errors import BadGraph, UnpicklableArgument
from gdistributed.v1 import scheduler_pb2, task_pb2

Annotations = dict[str, dict[Key, Any]]
TemplateOf = Callable[[task_pb2.Function, TaskOptions, str], int]

# The first piece is small, so that the work begins soon.
PIECE_NBYTES_FIRST: Final = 32 * 1024
PIECE_NBYTES: Final = 512 * 1024
KNOWN_ANNOTATIONS: Final = (
    "priority",
    "retries",
    "workers",
    "allow_other_workers",
    "resources",
    "codec",
)


class Expression(Protocol):
    """What dask gives to a scheduler: an `Expr`, a `HighLevelGraph`, or something like them."""

    def __dask_graph__(self) -> Mapping[Key, Any]: ...


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that is ready to be submitted.

    Attributes
    ----------
    nodes
        Its nodes by dask's keys, in the order in which they should run.
    dependents
        How many nodes depend on each, by key; those too that the graph only refers to.
    names
        How the keys are called on the wire; those too that the graph only refers to.
    annotations
        What users said of single keys: ``{"priority": {key: 5}}``.
    """

    nodes: dict[Key, GraphNode]
    dependents: dict[Key, int]
    names: dict[Key, str]
    annotations: Annotations


def plan_graph(graph: Expression | Mapping[Key, Any], keys: Iterable[Key]) -> Graph:
    """Make a graph ready: written out, culled to what the keys need, and ordered.

    Raises
    ------
    BadGraph
        If it has a cycle, or two keys that would have one name on the wire; it names them.
    """
    annotations: Annotations = {}
    if isinstance(graph, HighLevelGraph):
        annotations = _layer_annotations(graph)
        written = ensure_dict(graph)
    elif isinstance(graph, Mapping):
        written = dict(graph)
    else:
        written = ensure_dict(graph.__dask_graph__())
        if hasattr(graph, "__dask_annotations__"):
            annotations = graph.__dask_annotations__()
    converted: dict[Key, GraphNode] = convert_legacy_graph(written)
    dependents = count_dependents(converted, keys)
    nodes = {key: node for key, node in converted.items() if key in dependents}
    try:
        keys_in_order = order_nodes(nodes, dependents)
    except RuntimeError as error:
        raise _cycle(nodes, error) from error
    in_order = {key: nodes[key] for key in keys_in_order}
    return Graph(in_order, dependents, _names(dependents), annotations)


def graph_pieces(
    graph: Graph, wanted: Collection[str], options: TaskOptions, template_of: TemplateOf
) -> Iterator[scheduler_pb2.SubmitGraph]:
    """Pack a graph into messages of limited size, each when it is asked for.

    All but the last one say that there are more; the last one names what is wanted.

    Parameters
    ----------
    graph
        What to pack.
    wanted
        Keys on the wire that are wanted.
    options
        How the tasks are to be run, where no annotation says otherwise.
    template_of
        Gives the number of the template for a function, options and a prefix.

    Raises
    ------
    UnpicklableArgument
        If a node cannot be sent; the message names its key.
    """
    choose = OptionsByKey(options, graph.annotations)
    calls = CallMaker(graph.names)
    numbers: dict[tuple[str, str, int], int] = {}
    kept = set(wanted)
    piece = scheduler_pb2.SubmitGraph(span=len(graph.nodes))
    nbytes, limit_nbytes = 0, PIECE_NBYTES_FIRST
    for place, (key, node) in enumerate(graph.nodes.items()):
        name, chosen, prefix = graph.names[key], choose.of(key), prefix_of(key)
        function, arguments, dependencies = _pack_node(key, node, calls)
        same = function.id, prefix, id(chosen)
        number = numbers.get(same)
        if number is None:
            number = numbers[same] = template_of(function, chosen, prefix)
        if nbytes > limit_nbytes:
            piece.more = True
            yield piece
            piece, nbytes, limit_nbytes = scheduler_pb2.SubmitGraph(), 0, PIECE_NBYTES
        piece.tasks.add(
            key=name,
            template=number,
            dependencies=dependencies,
            order=place,
            dependents=0 if name in kept else graph.dependents[key],  # kept anyway
            arguments=arguments,
        )
        nbytes += len(arguments)
    piece.wants.extend(wanted)
    yield piece


class OptionsByKey:
    """What was asked for each key: its own annotations, over those of all, over the options."""

    def __init__(self, options: TaskOptions, annotations: Annotations) -> None:
        of_all = get_annotations()
        by_call = {name: value for name, value in of_all.items() if callable(value)}
        self._base = _annotated(
            options, {name: value for name, value in of_all.items() if name not in by_call}
        )
        self._by_call = _known(by_call)
        self._annotations = _known(annotations)
        self._made: dict[str, TaskOptions] = {}

    def of(self, key: Key) -> TaskOptions:
        """Return the options of a key. Equal ones are the same object."""
        if not (self._annotations or self._by_call):
            return self._base
        said = {name: call(key) for name, call in self._by_call.items()}
        for name, values in self._annotations.items():
            if key in values:
                said[name] = values[key]
        if not said:
            return self._base
        words = repr(sorted(said.items()))
        options = self._made.get(words)
        if options is None:
            options = self._made[words] = _annotated(self._base, said)
        return options


def _known(annotations: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in annotations.items() if name in KNOWN_ANNOTATIONS}


def _annotated(options: TaskOptions, annotations: Mapping[str, Any]) -> TaskOptions:
    said = _known(annotations)
    if not said:
        return options
    if "workers" not in said and options.workers:
        said["workers"] = options.workers
    checked = task_options(**said)
    return replace(options, **{name: getattr(checked, name) for name in said})


def _layer_annotations(graph: HighLevelGraph) -> Annotations:
    annotations: Annotations = {}
    for layer in graph.layers.values():
        for name, value in (layer.annotations or {}).items():
            by_key = annotations.setdefault(name, {})
            by_key.update({key: value(key) if callable(value) else value for key in layer})
    return annotations


def _names(keys: Iterable[Key]) -> dict[Key, str]:
    names = {key: wire_name(key) for key in keys}
    if len(set(names.values())) < len(names):
        owners: dict[str, Key] = {}
        for key, name in names.items():
            other = owners.setdefault(name, key)
            if other != key:
                raise BadGraph(
                    f"the keys {other!r} and {key!r} would both be called {name!r} on the wire: "
                    f"rename one",
                    (name,),
                )
    return names


def _pack_node(
    key: Key, node: GraphNode, calls: CallMaker
) -> tuple[task_pb2.Function, bytes, tuple[str, ...]]:
    try:
        function, args, kwargs = calls.call_of(node)
        return function, *pack_call_of(function, args, kwargs)
    except UnpicklableArgument as error:
        raise UnpicklableArgument(f"the task {key!r} of the graph: {error}") from error


def _cycle(nodes: dict[Key, GraphNode], error: RuntimeError) -> BadGraph:
    """Find the cycle that dask came upon: walk back from a key until one comes again."""
    stuck = set(nodes)
    free = [key for key in nodes if not stuck.intersection(nodes[key].dependencies)]
    dependents: dict[Key, list[Key]] = {}
    for key, node in nodes.items():
        for dependency in node.dependencies:
            dependents.setdefault(dependency, []).append(key)
    for key in free:  # grows while it is walked
        stuck.discard(key)
        for dependent in dependents.get(key, ()):
            if dependent in stuck and not stuck.intersection(nodes[dependent].dependencies):
                free.append(dependent)
    if not stuck:
        return BadGraph(str(error)).with_reason("CYCLE")
    path: dict[Key, None] = {}
    key = next(key for key in nodes if key in stuck)
    while key not in path:
        path[key] = None
        key = next(each for each in nodes[key].dependencies if each in stuck)
    cycle = [*list(path)[list(path).index(key) :], key]
    arrows = " → ".join(map(repr, reversed(cycle)))
    named = tuple(map(wire_name, dict.fromkeys(cycle)))
    return BadGraph(f"the graph has a cycle: {arrows}", named).with_reason("CYCLE")
