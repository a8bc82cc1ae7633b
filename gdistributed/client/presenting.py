"""How clients look in a terminal and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.client.html import dashboard, facts

if TYPE_CHECKING:
    from gdistributed.client.async_client import AsyncClient
    from gdistributed.client.client import Client


def presented(client: AsyncClient | Client) -> str:
    """Return a line about a client, without asking anybody."""
    workers = client.connection.workers
    where = f" to {client.scheduler_address}" if client.scheduler_address else ""
    there = f", workers={workers.count}, threads={workers.nthreads}" if workers.count else ""
    return f"<{type(client).__name__} {client.name!r}{where}, {client.status}{there}>"


def presented_in_html(client: AsyncClient | Client) -> str:
    """Return a table about a client, without asking anybody."""
    workers = client.connection.workers
    return facts(
        type(client).__name__,
        {
            "name": client.name,
            "scheduler": client.scheduler_address or "not connected yet",
            "status": client.status,
            "workers": workers.count,
            "threads": workers.nthreads,
            **dashboard(client.dashboard_link),
        },
        client.status,
    )
