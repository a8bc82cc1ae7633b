"""The certificates that a process uses, as gRPC takes them."""

from __future__ import annotations

import functools
from pathlib import Path

import grpc

from gdistributed.errors import UsageError
from gdistributed.security.certificates import Identity, Security, identity_in

_last: dict[Path, Identity] = {}  # by folder


def channel_credentials(security: Security) -> grpc.ChannelCredentials:
    """Return what a channel shows, and expects to see; new files count for new channels.

    While files are missing, for instance because they are being replaced, the last ones count.

    Raises
    ------
    UsageError
        If files are missing that never were there.
    """
    try:
        _last[security.folder] = identity_in(security.folder)
    except UsageError:
        if security.folder not in _last:
            raise
    return _credentials_of(_last[security.folder])


def server_credentials(security: Security) -> grpc.ServerCredentials:
    """Return what a server shows, and expects to see; new files count for new connections."""

    def shown() -> grpc.ServerCertificateConfiguration:
        identity = identity_in(security.folder)
        return grpc.ssl_server_certificate_configuration(
            [(identity.key, identity.certificate)], identity.authority
        )

    return grpc.dynamic_ssl_server_credentials(shown(), shown, require_client_authentication=True)


@functools.lru_cache(maxsize=1)
def _credentials_of(identity: Identity) -> grpc.ChannelCredentials:
    """Make credentials once: channels that share them share connections."""
    return grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)
