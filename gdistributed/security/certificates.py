"""Which certificates this process shows, and expects to see, on each of its connections.

A process is part of one cluster, so it has one folder of certificates, or none and speaks plainly.
Which, is said before it first listens or connects. All here is done without gRPC, which a command
imports when it has read its options.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import tempfile
import weakref
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gdistributed.errors import UsageError
from gdistributed.settings import CERTIFICATE_DAYS, CERTIFICATES_VARIABLE

logger = logging.getLogger("gdistributed.security")

# As Kubernetes names what a secret of the kind "tls" has.
AUTHORITY: Final = "ca.crt"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
# Whom certificates name: members come and go, on hosts without a name, so it is the cluster.
NAME: Final = "gdistributed"
HANDSHAKE_TURNS: Final = 3  # of each side, after which both have said all


@dataclass(frozen=True, slots=True)
class Identity:
    """What the three files hold, as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes


class Security:
    """The certificates of a cluster: TLS on each connection, for those alone who have one.

    Give it to `Client` and `LocalCluster` as `security`; servers in this process take it by `use`.
    On the command line it is ``gd --tls FOLDER``, or the environment variable GD_TLS.

    Parameters
    ----------
    folder
        With the files ``ca.crt`` (the authority that signs certificates of this cluster and of
        nobody else), ``tls.crt`` and ``tls.key`` (a certificate for the name "gdistributed", good
        for servers and clients, and its key; all PEM). ``gd certificates FOLDER`` makes them.

    Attributes
    ----------
    folder : Path
        The folder, absolute.

    Raises
    ------
    UsageError
        If a file is missing, cannot be read, or does not fit the others.

    Examples
    --------
    >>> security = Security("keys")  # doctest: +SKIP
    >>> client = Client("10.0.0.1:8786", security=security)  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._identity = _whole_identity_in(self.folder)
        self._trouble = ""

    @classmethod
    def temporary(cls) -> Security:
        """Make certificates that nobody else has, in a folder that goes with this program.

        Raises
        ------
        UsageError
            If the package cryptography is not there.

        Examples
        --------
        >>> with LocalCluster(security=Security.temporary()) as cluster:  # doctest: +SKIP
        ...     client = Client(cluster)
        """
        folder = tempfile.TemporaryDirectory(prefix="gdistributed-tls-")
        write_certificates(folder.name)
        security = cls(folder.name)
        weakref.finalize(security, folder.cleanup)
        return security

    def use(self) -> None:
        """Have all of this process, and the processes that it starts, use these certificates.

        Raises
        ------
        UsageError
            If it uses others already.

        Examples
        --------
        >>> Security("keys").use()  # doctest: +SKIP
        >>> scheduler = Scheduler("0.0.0.0")  # doctest: +SKIP
        """
        global _in_use
        if _in_use is not None and _in_use.folder != self.folder:
            raise UsageError(
                f"this process uses the certificates in {_in_use.folder} already: it cannot be part"
                f" of another cluster with those in {self.folder}"
            )
        _in_use = self

    def identity(self) -> Identity:
        """Return what the files hold; while they cannot be used, what they held before.

        They are replaced one after the other: a key may be there before its certificate.

        Examples
        --------
        >>> Security("keys").identity().certificate  # doctest: +SKIP
        b'-----BEGIN CERTIFICATE-----...
        """
        try:
            if identity_in(self.folder) != self._identity:
                self._identity = _whole_identity_in(self.folder)
            self._trouble = ""
        except (UsageError, OSError) as error:
            if self._trouble != str(error):
                self._trouble = str(error)
                logger.warning("the last certificates count", extra={"cause": self._trouble})
        return self._identity

    def __repr__(self) -> str:
        return f"Security({str(self.folder)!r})"


def identity_in(folder: Path) -> Identity:
    """Read the files of a folder, which may have been renewed.

    Raises
    ------
    UsageError
        If one is missing or cannot be read.
    """
    try:
        return Identity(*((folder / name).read_bytes() for name in (AUTHORITY, CERTIFICATE, KEY)))
    except OSError as error:
        raise UsageError(
            f"the certificates of the cluster: {error.filename}: {error.strerror};"
            f" `gd certificates {folder}` makes them"
        ) from None


def _whole_identity_in(folder: Path) -> Identity:
    """Read files that fit each other.

    Raises
    ------
    UsageError
        If they do not, or are changed meanwhile.
    """
    identity = identity_in(folder)
    context_of(folder)
    if identity_in(folder) != identity:
        raise UsageError(f"the certificates in {folder} are being replaced")
    return identity


def context_of(folder: Path) -> ssl.SSLContext:
    """Return what a client shows, and expects to see, on connections that are not gRPC's.

    Raises
    ------
    UsageError
        If a file is missing or cannot be read, or if members would not accept each other.
    """
    identity_in(folder)
    client = _loaded(folder, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    server = _loaded(folder, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    server.verify_mode = ssl.CERT_REQUIRED
    try:
        _shake_hands(client, server)
    except ssl.SSLCertVerificationError as error:
        raise UsageError(
            f"members with the certificates in {folder} would not accept each other:"
            f" {error.verify_message}"
        ) from None
    return client


def _loaded(folder: Path, context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(folder / AUTHORITY)
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    except ssl.SSLError as error:
        raise UsageError(
            f"the files in {folder} are no certificate of an authority, a certificate that it"
            f" signed, and the key of that: {(error.reason or str(error)).lower()}"
        ) from None
    return context


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Try in memory whether two sides accept each other.

    Raises
    ------
    ssl.SSLError
        If they do not.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname=NAME),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for side in sides * HANDSHAKE_TURNS:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()


def write_certificates(folder: str | Path, days: int = CERTIFICATE_DAYS) -> datetime:
    """Write the certificates of a cluster into a folder, or renew them there.

    Where the folder has an authority and its key, that one signs: members with the old files and
    members with the new ones accept each other.

    Parameters
    ----------
    folder
        Made if it is not there. It gets ``ca.crt``, ``ca.key`` (to renew; not for members),
        ``tls.crt`` and ``tls.key``; keys can be read by their owner alone.
    days
        How long they are good; a year by default.

    Returns
    -------
    When they expire.

    Raises
    ------
    UsageError
        If the package cryptography is not there, or the folder cannot be used.
    """
    try:
        from gdistributed.security.authority import write
    except ModuleNotFoundError:
        raise UsageError(
            "the package cryptography makes certificates: pip install 'gdistributed[tls]';"
            " to use those that another authority has made, nothing is needed"
        ) from None
    return write(Path(folder).expanduser().absolute(), days)


_in_use: Security | None = None


def in_use() -> Security | None:
    """Return the certificates that this process uses; None if it speaks plainly."""
    return _in_use


def told_to_commands() -> dict[str, str]:
    """Return the environment by which a `gd` command uses the same certificates as this process."""
    return {} if _in_use is None else {CERTIFICATES_VARIABLE: str(_in_use.folder)}


def take_part(security: Security | str | Path | bool | None) -> None:
    """Use what a user gives as `security`; True means certificates that nobody else has.

    Raises
    ------
    UsageError
        If they cannot be used.
    """
    if security is None or security is False:
        return
    if security is True:
        if _in_use is None:
            Security.temporary().use()
        return
    (security if isinstance(security, Security) else Security(security)).use()
