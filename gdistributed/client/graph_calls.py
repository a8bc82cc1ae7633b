"""A node of a dask graph as a call: which function a task runs, and with what arguments.

Most nodes travel whole, as the argument of one function that all workers have (`run_node`). A node
that calls a function of the user's own program would carry the function's code along each time; it
becomes a plain call, whose function is sent once and then named by its id. So does one that calls a
remote function, which goes to the workers that offer it.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Final

from dask._task_spec import GraphNode, List, Task, TaskRef, Tuple

from gdistributed.client.keys import Key
from gdistributed.client.remote_functions import RemoteFunction
from gdistributed.data.arguments import KeyReference
from gdistributed.data.function_stamps import is_by_reference
from gdistributed.data.functions import pack_function
from gdistributed.data.graph_nodes import RUN_NODE
from gdistributed.v1 import task_pb2

NODE_FUNCTION: Final = task_pb2.Function(id=f"python:{RUN_NODE}", runtime="python", name=RUN_NODE)
# A graph with more functions of its own than this is one that makes a function for each node.
OWN_FUNCTIONS_MAX: Final = 1000

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
        self._own: dict[int, task_pb2.Function | None] = {}

    def call_of(self, node: GraphNode) -> Call:
        """Return the call that computes a node.

        Raises
        ------
        UnpicklableArgument
            If the function cannot be sent.
        """
        if isinstance(node, Task) and (function := self._own_function(node)) is not None:
            try:
                args = tuple(map(self._plain, node.args))
                kwargs = {name: self._plain(value) for name, value in node.kwargs.items()}
            except _NotPlain:
                pass
            else:
                return function, args, kwargs
        values = {key: KeyReference(self._names[key]) for key in node.dependencies}
        return NODE_FUNCTION, (node, values), {}

    def _own_function(self, node: Task) -> task_pb2.Function | None:
        """Return the function that a node calls, if it is remote, or packed if it goes as code."""
        if type(node) is not Task:
            return None
        if type(node.func) is RemoteFunction:
            return node.func.announced
        if type(node.func) is not types.FunctionType:
            return None
        identity = id(node.func)  # the graph keeps it alive
        if identity not in self._own:
            fits = len(self._own) < OWN_FUNCTIONS_MAX and not is_by_reference(node.func)
            self._own[identity] = pack_function(node.func) if fits else None
        return self._own[identity]

    def _plain(self, value: Any) -> Any:  # noqa: ANN401
        """Return an argument with references in the place of results, or raise _NotPlain."""
        kind = type(value)
        if kind is TaskRef:
            return KeyReference(self._names[value.key])
        if kind is List:
            return [self._plain(each) for each in value.args]
        if kind is Tuple:
            return tuple(self._plain(each) for each in value.args)
        if isinstance(value, GraphNode | TaskRef):
            raise _NotPlain
        return value


class _NotPlain(Exception):
    """An argument is computed within the node."""
