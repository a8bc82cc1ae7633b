"""Why nobody answers at an address: what a connection finds that is not gRPC's.

gRPC says "unavailable" of a port where nothing listens, of a peer that expects TLS where we speak
plainly or the other way round, and of a certificate that is not accepted.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from gdistributed.errors import UsageError
from gdistributed.security.certificates import NAME, Security, context_of
from gdistributed.wire.addresses import split_host_port

TIMEOUT_S: Final = 1.0
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UNKNOWN: Final = "something listens there, but it does not speak gRPC"


async def diagnose(place: str, security: Security | None) -> str:
    """Say what is wrong at an address where gRPC does not get an answer.

    Parameters
    ----------
    place
        As `normalise_address` returns it.
    security
        The certificates that were used; None if the connection was plain.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if place.startswith("unix:"):
                _, writer = await asyncio.open_unix_connection(place.removeprefix("unix:"))
            else:
                _, writer = await asyncio.open_connection(*split_host_port(place))
            writer.close()
            await writer.wait_closed()
    except ConnectionRefusedError:
        return "nothing listens there; is it started, and is the port right?"
    except TimeoutError:
        return "the host does not answer; is the address right, is a firewall in between?"
    except OSError as error:
        return f"{error.strerror or error}"
    if place.startswith("unix:"):
        return UNKNOWN
    return await (_without(place) if security is None else _with(place, security))


async def _without(place: str) -> str:
    """Find out whether a server to which we speak plainly expects TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        speaks_tls = await _said_by_tls(place, context) is not None
    except ssl.SSLError as error:
        speaks_tls = _is_alert(error)
    if not speaks_tls:
        return UNKNOWN
    return (
        "it speaks TLS: whoever takes part needs the certificates of its cluster (`gd --tls"
        " FOLDER`, or `security=` in Python)"
    )


async def _with(place: str, security: Security) -> str:
    """Find out what a server, or we, dislike about a certificate."""
    ours = f"the certificates in {security.folder}"
    try:
        said = await _said_by_tls(place, context_of(security.folder))
    except UsageError as error:
        return str(error)
    except ssl.SSLCertVerificationError as error:
        return f"{ours} do not fit its own: {error.verify_message}"
    except ssl.SSLError as error:
        if not _is_alert(error):
            return f"it does not speak TLS, as we do with {ours}"
        said = b""
    if said is None:
        return f"something listens there, but it does not answer in TLS, as we do with {ours}"
    return UNKNOWN if said else f"it does not accept {ours}"


async def _said_by_tls(place: str, context: ssl.SSLContext) -> bytes | None:
    """Shake hands with a server, and return what it says first; None if it does not.

    It judges our certificate when for us the handshake is over already, and then hangs up.

    Raises
    ------
    ssl.SSLError
        If it speaks something else, or one does not trust the other.
    """
    host, port = split_host_port(place)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=NAME
            )
    except ssl.SSLError:
        raise
    except (OSError, TimeoutError):
        return None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            writer.write(PREFACE)
            return await reader.read(1)
    except ssl.SSLError:
        raise
    except (OSError, TimeoutError):
        return b""
    finally:
        writer.close()


def _is_alert(error: ssl.SSLError) -> bool:
    return "ALERT" in (error.reason or "")
