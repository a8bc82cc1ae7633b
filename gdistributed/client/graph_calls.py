"""A node of a dask graph as a call: which function a task runs, and with what arguments.

A node that calls a function becomes a plain call: the function is sent once, and named by its id
from then on; if it is a remote function, the call goes to the workers that offer it. A node that
computes some of its arguments itself, or calls an object, travels whole, as the argument of one
function that all workers have (`run_node`).
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Final

from dask._task_spec import Alias, GraphNode, List, Task, TaskRef, Tuple, _identity_cast

from gdistributed.client.keys import Key
from gdistributed.client.remote_functions import RemoteFunction
from gdistributed.data.arguments import KeyReference
from gdistributed.data.functions import pack_function
from gdistributed.data.graph_nodes import RUN_NODE
from gdistributed.v1 import task_pb2

NODE_FUNCTION: Final = task_pb2.Function(id=f"python:{RUN_NODE}", runtime="python", name=RUN_NODE)
# A graph with more functions than this is one that makes a function for each node.
FUNCTIONS_MAX: Final = 1000
FUNCTIONS: Final = (types.FunctionType, types.BuiltinFunctionType)

Call = tuple[task_pb2.Function, tuple[Any, ...], dict[str, Any]]


class CallMaker:
    """Turns the nodes of one graph into calls.

    Parameters
    ----------
    names
        How keys are called on the wire.
    """

    def __init__(self, names: Mapping[Key, str]) -> None:
        self._names = names
        self._functions: dict[int, task_pb2.Function] = {}

    def call_of(self, node: GraphNode) -> Call:
        """Return the call that computes a node.

        Raises
        ------
        UnpicklableArgument
            If the function cannot be sent.
        """
        if isinstance(node, Task) and (function := self._function(node)) is not None:
            try:
                args = tuple(map(self._plain, node.args))
                kwargs = {name: self._plain(value) for name, value in node.kwargs.items()}
            except _NotPlain:
                pass
            else:
                return function, args, kwargs
        values = {key: KeyReference(self._names[key]) for key in node.dependencies}
        return NODE_FUNCTION, (node, values), {}

    def _function(self, node: Task) -> task_pb2.Function | None:
        """Return the function that a node calls; None if the node goes whole."""
        if type(node) is not Task:
            return None
        called = node.func
        if type(called) is RemoteFunction:
            return called.announced
        if type(called) not in FUNCTIONS:
            return None
        function = self._functions.get(id(called))  # the graph keeps it alive
        if function is None and len(self._functions) < FUNCTIONS_MAX:
            function = self._functions[id(called)] = pack_function(called)
        return function

    def _plain(self, value: Any) -> Any:  # noqa: ANN401
        """Return an argument with references in the place of results, or raise _NotPlain."""
        kind = type(value)
        if kind is TaskRef:
            return KeyReference(self._names[value.key])
        if kind is Alias:
            return KeyReference(self._names[value.target])
        if kind is List:
            return [self._plain(each) for each in value.args]
        if kind is Tuple:
            return tuple(self._plain(each) for each in value.args)
        if kind is Task and value.func is _identity_cast and value.kwargs["typ"] in (list, tuple):
            return value.kwargs["typ"](map(self._plain, value.args))
        if isinstance(value, GraphNode | TaskRef):
            raise _NotPlain
        return value


class _NotPlain(Exception):
    """An argument is computed within the node."""
