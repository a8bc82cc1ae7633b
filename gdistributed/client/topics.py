"""The client publishes messages to topics, reads them, and follows topics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from gdistributed.client.base import ClientBase
from gdistributed.client.names.calls import ask_names
from gdistributed.client.names.following import Handler, Message, event_of
from gdistributed.data.codecs import encode_readable
from gdistributed.errors import NotFound
from gdistributed.v1 import names_pb2 as pb


class Topics(ClientBase):
    """Messages that processes publish by topic; the Center keeps the newest ones."""

    async def log_event(self, topic: str | Iterable[str], msg: Any) -> None:  # noqa: ANN401
        """Publish a message.

        Parameters
        ----------
        topic
            The topic, or several.
        msg
            Any value that can be pickled. Plain ones (text, numbers, lists and dicts of these) are
            readable for clients in other languages too.

        Raises
        ------
        SerializationError
            If the message cannot be pickled.

        Examples
        --------
        >>> client.log_event("progress", {"step": 1})  # doctest: +SKIP
        """
        topics = [topic] if isinstance(topic, str) else list(topic)
        request = pb.PublishRequest(topics=topics, message=encode_readable(msg))
        doing = f"publishing to {', '.join(topics)}"
        await ask_names(self.connection, "Publish", request, doing)

    async def get_events(self, topic: str | None = None) -> Any:  # noqa: ANN401
        """Return the messages of a topic that are kept, the oldest first.

        Parameters
        ----------
        topic
            The topic; all of them by default.

        Returns
        -------
        A tuple of pairs: when a message was published, in seconds since 1970, and the message.
        Without a topic a dict of such tuples by topic.

        Examples
        --------
        >>> client.get_events("progress")  # doctest: +SKIP
        ((1763712000.0, {'step': 1}),)
        """
        request = pb.ListMessagesRequest(topic=topic or "")
        answer = await ask_names(self.connection, "ListMessages", request, "listing messages")
        if topic is not None:
            return tuple(map(event_of, answer.messages))
        found: dict[str, list[Message]] = {}
        for message in answer.messages:
            found.setdefault(message.topic, []).append(event_of(message))
        return {name: tuple(events) for name, events in found.items()}

    def subscribe_topic(self, topic: str, handler: Handler) -> Any:  # noqa: ANN401
        """Have a function called with each message of a topic from now on.

        Another handler of the same topic is replaced. The messages of one topic come in their
        order, one at a time. A synchronous client calls plain functions in a thread, an
        asynchronous one calls them on its loop; coroutine functions are awaited. What a handler
        raises is logged.

        Parameters
        ----------
        topic
            The topic.
        handler
            Is called with a pair: when the message was published, in seconds since 1970, and the
            message.

        Returns
        -------
        None; of an asynchronous client a task that may be awaited: once it is done, no message is
        missed.

        Raises
        ------
        UsageError
            If the topic is empty.

        Examples
        --------
        >>> client.subscribe_topic("progress", print)  # doctest: +SKIP
        """
        return self._done_or_task(self._follow(topic, handler))

    def unsubscribe_topic(self, topic: str) -> Any:  # noqa: ANN401
        """Follow a topic no longer.

        Returns
        -------
        None; of an asynchronous client a task that may be awaited.

        Raises
        ------
        NotFound
            If the topic is not followed.

        Examples
        --------
        >>> client.unsubscribe_topic("progress")  # doctest: +SKIP
        """
        return self._done_or_task(self._leave(topic))

    async def _follow(self, topic: str, handler: Handler) -> None:
        self.connection.check_open()
        connection = self.connection
        await self.bridge.on_loop(connection.following.follow(topic, handler), connection.loop)

    async def _leave(self, topic: str) -> None:
        connection = self.connection
        if not await self.bridge.on_loop(connection.following.leave(topic), connection.loop):
            raise NotFound(f"the topic {topic!r} is not followed by this client")

    def _done_or_task(self, coroutine: Any) -> Any:  # noqa: ANN401
        """Do it now, or soon where the caller may not wait."""
        result = self.bridge.run(coroutine)
        return asyncio.ensure_future(result) if result is coroutine else result
