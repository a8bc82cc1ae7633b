"""Datasets: values and collections that have a name on the cluster and outlive their client."""

from __future__ import annotations

from typing import Any

from gdistributed.client.base import ClientBase, key_names
from gdistributed.client.computing import futures_of
from gdistributed.client.current import binding_to
from gdistributed.client.heard import heard
from gdistributed.data.codecs import decode, encode
from gdistributed.errors import NotFound
from gdistributed.v1 import center_pb2

HOLDER = "dataset:"


class Datasets(ClientBase):
    """Named values on the Center; what they need is held by the scheduler."""

    async def publish_dataset(
        self,
        /,
        *args: Any,  # noqa: ANN401
        name: str | None = None,
        override: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Give names to values, so that other clients and later ones can have them.

        Futures and persisted collections are kept on the cluster for as long as the name exists;
        other collections are published as they are, to be computed by whoever gets them.

        Parameters
        ----------
        *args
            A single value, with `name`; or a name and a value.
        name
            Name of the value in `args`.
        override
            Whether to replace a dataset of the same name.
        **kwargs
            Values by name.

        Raises
        ------
        NameTaken
            If there is a dataset of that name, and `override` is not set.
        TypeError
            If a value has no name.

        Examples
        --------
        >>> client.publish_dataset(numbers=client.map(abs, [-1, -2]))
        >>> client.gather(client.get_dataset("numbers"))
        [1, 2]
        >>> client.unpublish_dataset("numbers")
        """
        for each, value in _named(args, name, kwargs).items():
            await self._publish(each, value, override)

    async def get_dataset(self, name: str, *default: Any) -> Any:  # noqa: ANN401
        """Return a dataset. Its futures are futures of this client.

        Raises
        ------
        NotFound
            If there is none of that name, and no default was given. It is a `LookupError` too.

        Examples
        --------
        >>> client.get_dataset("nowhere", "a default")
        'a default'
        """
        request = center_pb2.GetDatasetRequest(name=name)
        try:
            answer = await self.connection.ask(
                self.connection.center.GetDataset, request, f"getting the dataset {name!r}"
            )
        except NotFound:
            if default:
                return default[0]
            raise
        with binding_to(self.connection):
            return decode(answer.dataset.value)

    async def list_datasets(self) -> tuple[str, ...]:
        """Return the names of all datasets, sorted.

        Examples
        --------
        >>> client.list_datasets()
        ()
        """
        request = center_pb2.ListDatasetsRequest()
        answer = await self.connection.ask(
            self.connection.center.ListDatasets, request, "listing the datasets"
        )
        return tuple(answer.names)

    async def unpublish_dataset(self, name: str) -> None:
        """Take a name away. What nobody else wants is dropped.

        Raises
        ------
        NotFound
            If there is no dataset of that name.

        Examples
        --------
        >>> client.publish_dataset(1, name="one")
        >>> client.unpublish_dataset("one")
        """
        request = center_pb2.UnpublishDatasetRequest(name=name)
        await self.connection.ask(
            self.connection.center.UnpublishDataset, request, f"unpublishing {name!r}"
        )
        with self.connection.locked() as brain:
            brain.unhold(HOLDER + name)

    async def set_collection(self, name: str, collection: Any, override: bool = True) -> None:  # noqa: ANN401
        """Give a collection a name; the early word for `publish_dataset`, which replaces.

        Examples
        --------
        >>> client.set_collection("mine", [1, 2])
        >>> client.get_collection("mine")
        [1, 2]
        >>> client.unpublish_dataset("mine")
        """
        await self.publish_dataset(name, collection, override=override)

    async def get_collection(self, name: str) -> Any:  # noqa: ANN401
        """Return the collection of a name; the early word for `get_dataset`.

        Examples
        --------
        >>> client.get_collection("mine")  # doctest: +SKIP
        """
        return await self.get_dataset(name)

    async def _publish(self, name: str, value: Any, override: bool) -> None:  # noqa: ANN401
        keys = key_names(futures_of(value))
        dataset = center_pb2.Dataset(name=name, value=encode(value), keys=keys)
        is_known = name in await self.list_datasets()
        if keys and not is_known:
            with self.connection.locked() as brain:
                brain.hold(keys, HOLDER + name)
            await heard(self.connection)  # before others can find the name
        request = center_pb2.PublishDatasetRequest(dataset=dataset, override=override)
        await self.connection.ask(
            self.connection.center.PublishDataset, request, f"publishing {name!r}"
        )
        if is_known:  # now that the name is surely ours, its old keys may go
            with self.connection.locked() as brain:
                brain.replace_holder(HOLDER + name, keys)


def _named(args: tuple[Any, ...], name: str | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    if not args:
        if name is not None:
            raise TypeError("publish_dataset got a name and no value")
        return kwargs
    if len(args) == 1 and name is not None:
        return {name: args[0], **kwargs}
    if len(args) == 2 and name is None and isinstance(args[0], str):
        return {args[0]: args[1], **kwargs}
    raise TypeError(
        "publish_dataset takes values by name: publish_dataset(x=value), or "
        "publish_dataset(value, name='x')"
    )
