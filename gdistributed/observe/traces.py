"""Spans of OpenTelemetry, and their context as a `traceparent` of W3C Trace Context.

The only file that knows OpenTelemetry, and of that its API alone: who records spans, and where they
go, is up to the program that sets up a tracer provider. Nobody can have done that without having
imported OpenTelemetry, so to ask whether there are traces is most often to look into a dict. Errors
of the provider are logged, and harm nobody.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from gdistributed.version import __version__

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

Attributes = Mapping[str, str | int | tuple[str, ...]]

logger = logging.getLogger("gdistributed.traces")

API: Final = "opentelemetry.trace"
TRACEPARENT: Final = "traceparent"
# As many as an SDK keeps by default.
LINKS_MAX: Final = 128


def are_on() -> bool:
    """Say whether spans are recorded in this process, or the caller is part of a trace."""
    if API not in sys.modules:
        return False
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    return not isinstance(provider, trace.ProxyTracerProvider) or is_inside()


def is_inside() -> bool:
    """Say whether the caller is inside a span. OpenTelemetry has been imported."""
    from opentelemetry import trace

    return trace.get_current_span().get_span_context().is_valid


@cache
def can_be_joined() -> bool:
    """Say whether OpenTelemetry is installed. It is imported, for those who are part of a trace."""
    try:
        import opentelemetry.trace  # noqa: F401
    except ImportError:
        return False
    return True


class Span(Protocol):
    """Something that takes time, in a `with` block; what is raised there ends it as failed."""

    @property
    def traceparent(self) -> str:
        """By which others become part of it; empty when it belongs to no trace."""

    def note(self, attributes: Attributes) -> None:
        """Add what is known only now."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class NoSpan:
    """Stands in the place of a span where there are no traces."""

    traceparent = ""

    def note(self, attributes: Attributes) -> None:
        """Nobody reads it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """There is nothing to end."""


NO_SPAN: Final = NoSpan()


class Harmless:
    """Logs what users' code raises in its `with` blocks: providers, processors, `__str__`."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            logger.warning("a span is lost or incomplete", exc_info=error)
            return True
        return False


HARMLESS: Final = Harmless()


class OpenSpan:
    """A span that has begun.

    Parameters
    ----------
    name
        What it is.
    kind
        A name of OpenTelemetry's SpanKind: "INTERNAL", "CLIENT", "PRODUCER", "CONSUMER".
    attributes
        What is known of it.
    parent
        Traceparent of the span that it is part of; empty for that of the caller, if there is one.
    links
        Traceparents of spans that it has to do with otherwise.
    began_ns
        When it began, in nanoseconds since 1970; None for now.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        attributes: Attributes,
        *,
        parent: str = "",
        links: Iterable[str] = (),
        began_ns: int | None = None,
    ) -> None:
        from opentelemetry import trace

        self._span: trace.Span = trace.INVALID_SPAN
        with HARMLESS:
            self._span = _tracer_of(trace.get_tracer_provider()).start_span(
                name,
                context=_context_of(parent) if parent else None,
                kind=trace.SpanKind[kind],
                attributes=attributes,
                links=_links_to(links),
                start_time=began_ns,
            )

    @property
    def traceparent(self) -> str:
        """By which others become part of it; empty when it belongs to no trace."""
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        context = set_span_in_context(self._span, Context())
        TraceContextTextMapPropagator().inject(carrier, context)
        return carrier.get(TRACEPARENT, "")

    def note(self, attributes: Attributes) -> None:
        """Add what is known only now."""
        with HARMLESS:
            self._span.set_attributes(attributes)

    def fail(self, error: BaseException) -> None:
        """Say by what it fails."""
        from opentelemetry import trace

        with HARMLESS:
            self._span.set_status(trace.StatusCode.ERROR, type(error).__name__)
            self._span.record_exception(error)

    def end(self) -> None:
        """It is over."""
        with HARMLESS:
            self._span.end()

    def make_current(self) -> None:
        """Have spans be part of this one that begin in this context from now on."""
        from opentelemetry import context, trace

        context.attach(trace.set_span_in_context(self._span))

    @contextmanager
    def as_current(self) -> Iterator[None]:
        """Have spans be part of this one that begin in this `with` block; it does not end there."""
        from opentelemetry import trace

        with trace.use_span(self._span, record_exception=False, set_status_on_exception=False):
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.fail(error)
        self.end()


@lru_cache(maxsize=1)
def _tracer_of(provider: trace.TracerProvider) -> trace.Tracer:
    return provider.get_tracer("gdistributed", __version__)


def _context_of(traceparent: str) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({TRACEPARENT: traceparent}, Context())


def _links_to(traceparents: Iterable[str]) -> list[trace.Link]:
    from opentelemetry import trace

    contexts = map(_context_of, list(traceparents)[:LINKS_MAX])
    return [trace.Link(trace.get_current_span(each).get_span_context()) for each in contexts]
