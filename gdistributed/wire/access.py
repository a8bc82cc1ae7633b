"""The certificates that a process uses, as gRPC takes them."""

from __future__ import annotations

import functools
import time
from typing import Final

import grpc

from gdistributed.security.certificates import Identity, Security

# A hundred times what it took for none of 1,200 connections to fail, with something new for each; a
# server that waited a tenth of that died.
CONNECTIONS_PASS_S: Final = 0.1


def channel_credentials(security: Security) -> grpc.ChannelCredentials:
    """Return what a channel shows, and expects to see; new files count for new channels."""
    return _credentials_of(security.identity())


def server_credentials(security: Security) -> grpc.ServerCredentials:
    """Return what a server shows, and expects to see; new files count for new connections."""
    shown = _Shown(security)
    first = _configuration_of(shown.identity)
    return grpc.dynamic_ssl_server_credentials(
        first,
        shown,  # type: ignore[arg-type]  # may return None, which the stubs do not know
        require_client_authentication=True,
    )


class _Shown:
    """Tells gRPC, which asks before each connection, whether there is something new to show.

    What it tells takes the place of what was, and gRPC frees that, although a connection which
    asked a moment before may only now be about to use it: servers die of it
    (https://github.com/grpc/grpc/issues/36693). So it tells only what is new, and only when those
    that asked before have gone on; meanwhile gRPC lets no other one ask.
    """

    def __init__(self, security: Security) -> None:
        self._security = security
        self.identity = security.identity()

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        identity = self._security.identity()
        if identity == self.identity:
            return None
        time.sleep(CONNECTIONS_PASS_S)
        self.identity = identity
        return _configuration_of(identity)


def _configuration_of(identity: Identity) -> grpc.ServerCertificateConfiguration:
    pair = identity.key, identity.certificate
    return grpc.ssl_server_certificate_configuration([pair], identity.authority)


@functools.lru_cache(maxsize=1)
def _credentials_of(identity: Identity) -> grpc.ChannelCredentials:
    """Make credentials once: channels that share them share connections."""
    return grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)
