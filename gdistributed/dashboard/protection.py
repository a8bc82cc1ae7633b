"""What keeps a dashboard to those who are meant to see it.

It needs no password on loopback, so other web sites must not get at it by way of a visitor's
browser: not under a name of theirs that leads to this machine (DNS rebinding: the `Host` of a
request must be this machine's), not by forms (calls are JSON, which browsers send to other sites
only where these allow it), not by code of theirs in our pages (`Content-Security-Policy`).
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC: Final = Path(__file__).with_name("static")
INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def scripts_in(page: bytes) -> str:
    """Return what a `Content-Security-Policy` says of the code inside a page of ours."""
    hashes = (hashlib.sha256(script).digest() for script in INLINE.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)


HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; "
    f"script-src 'self' {scripts_in((STATIC / 'index.html').read_bytes())}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Protected:
    """Passes on what may be asked, and puts our headers on each answer.

    Parameters
    ----------
    application
        What answers.
    host
        At which the dashboard listens. Only if that is loopback is the `Host` of requests looked
        at; otherwise nobody knows by how many names the machine goes.
    """

    def __init__(self, application: ASGIApp, host: str) -> None:
        self._application = application
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")  # the next version is seen at once
            await send(message)

        asked = Headers(scope=scope).get("host", "")
        answer = self._application if self._is_ours(asked) else refusal(asked)
        await answer(scope, receive, send_protected)

    def _is_ours(self, asked: str) -> bool:
        if not is_loopback(self._host):
            return True
        name = asked.lower()
        if not name.endswith("]") and ":" in name:
            name = name.rpartition(":")[0]
        name = name.strip("[]")
        return name == self._host or is_loopback(name)


def refusal(asked: str) -> ASGIApp:
    """Return the answer to who asks for another host."""
    return PlainTextResponse(
        f"This dashboard is for this machine only, and does not go by the name {asked[:100]!r}.\n",
        status_code=403,
    )


def is_loopback(host: str) -> bool:
    """Say whether a host, by name or address, is only this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
