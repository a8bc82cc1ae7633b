"""Metadata: a tree of small values on the Center, shared by all clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gdistributed.client.base import ClientBase
from gdistributed.client.current import binding_to
from gdistributed.data.codecs import decode, encode
from gdistributed.errors import NotFound
from gdistributed.v1 import center_pb2

NO_DEFAULT: Final = object()

Path = tuple[str, ...]


class Metadata(ClientBase):
    """Values by path, for what users' programs want to tell each other."""

    async def set_metadata(self, key: str | list[str], value: Any) -> None:  # noqa: ANN401
        """Set a place in the tree of metadata.

        A dict with strings for keys becomes a branch of the tree, and any other value a leaf. All
        that was at the place before is replaced.

        Parameters
        ----------
        key
            Name of the place, or the list of names that lead to it.
        value
            What to put there.

        Raises
        ------
        TypeError
            If the names are no strings.
        SerializationError
            If a value cannot be sent.

        Examples
        --------
        >>> client.set_metadata(["runs", "first"], {"rate": 0.1})  # doctest: +SKIP
        >>> client.get_metadata("runs")  # doctest: +SKIP
        {'first': {'rate': 0.1}}
        """
        path = _path(key)
        entries = [
            center_pb2.MetadataEntry(path=below, value=encode(leaf))
            for below, leaf in _leaves(value, ())
        ]
        request = center_pb2.SetMetadataRequest(path=path, entries=entries)
        await self.connection.ask(
            self.connection.center.SetMetadata, request, f"setting the metadata {'/'.join(path)!r}"
        )

    async def get_metadata(
        self,
        keys: str | list[str],
        default: Any = NO_DEFAULT,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Return what is at a place in the tree of metadata; a branch as a dict.

        Parameters
        ----------
        keys
            Name of the place, or the list of names that lead to it.
        default
            What to return if there is nothing.

        Raises
        ------
        NotFound
            If there is nothing at this place, and no default was given. It is a `KeyError` too.

        Examples
        --------
        >>> client.get_metadata(["runs", "second"], default=None)  # doctest: +SKIP
        """
        path = _path(keys)
        request = center_pb2.GetMetadataRequest(path=path)
        try:
            answer = await self.connection.ask(
                self.connection.center.GetMetadata, request, "getting metadata"
            )
        except NotFound:
            if default is NO_DEFAULT:
                raise
            return default
        with binding_to(self.connection):
            return _tree((tuple(each.path), decode(each.value)) for each in answer.entries)


def _path(names: str | list[str]) -> Path:
    path = (names,) if isinstance(names, str) else tuple(names)
    for name in path:
        if not isinstance(name, str):
            raise TypeError(f"names of metadata are strings, and {name!r} is none")
    return path


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, Mapping) and value and all(isinstance(n, str) and n for n in value):
        for name, below in value.items():
            yield from _leaves(below, (*path, name))
    else:
        yield path, value


def _tree(leaves: Iterator[tuple[Path, object]]) -> object:
    root: dict[str, Any] = {}
    for path, value in leaves:
        if not path:
            return value
        branch = root
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
    return root
