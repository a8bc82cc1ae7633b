"""The tree of metadata: values that nobody but the users' programs understands, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gdistributed.errors import MalformedMessage, NotFound
from gdistributed.v1 import center_pb2 as pb
from gdistributed.v1 import value_pb2

Branch = dict[str, "Node"]
Node = Branch | value_pb2.Payload


class Metadata:
    """A tree whose leaves are encoded values."""

    def __init__(self) -> None:
        self._root: Branch = {}

    def put(self, path: Sequence[str], entries: Iterable[pb.MetadataEntry]) -> None:
        """Put values at a place and below it, instead of all that was there.

        Raises
        ------
        MalformedMessage
            If the path is empty, or one of its names is.
        """
        if not path or not all(path):
            raise MalformedMessage(
                "metadata needs a path of names, none of them empty"
            ).with_reason("BAD_NAME")
        self._take_away(path)
        for entry in entries:
            *above, last = (*path, *entry.path)
            self._branch(above)[last] = entry.value

    def get(self, path: Sequence[str]) -> Iterator[pb.MetadataEntry]:
        """Yield the values at a place and below it, with their paths from there.

        Raises
        ------
        NotFound
            If there is nothing.
        """
        node: Node = self._root
        for depth, name in enumerate(path):
            if not isinstance(node, dict) or name not in node:
                known = sorted(node)[:10] if isinstance(node, dict) else []
                raise NotFound(
                    f"there is no metadata at {'/'.join(path[: depth + 1])!r}; beside it there is: "
                    f"{', '.join(known) or 'nothing'}"
                ).with_reason("UNKNOWN_METADATA")
            node = node[name]
        return _entries(node, ())

    def _branch(self, path: Iterable[str]) -> Branch:
        """Return the branch at a path, made where it is missing; a value in its way goes."""
        branch = self._root
        for name in path:
            node = branch.get(name)
            if not isinstance(node, dict):
                node = branch[name] = {}
            branch = node
        return branch

    def _take_away(self, path: Sequence[str]) -> None:
        branches = [self._root]
        for name in path[:-1]:
            node = branches[-1].get(name)
            if not isinstance(node, dict):
                return
            branches.append(node)
        for branch, name in zip(reversed(branches), reversed(path), strict=True):
            branch.pop(name, None)
            if branch:
                return


def _entries(node: Node, path: tuple[str, ...]) -> Iterator[pb.MetadataEntry]:
    """Yield the leaves, without recursion: a tree may be as deep as it likes."""
    waiting = [(node, path)]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, dict):
            waiting.extend((each, (*path, name)) for name, each in reversed(node.items()))
        else:
            yield pb.MetadataEntry(path=path, value=node)
