"""Makes the certificates of a cluster: an authority of its own, and what its members show.

It needs the package cryptography, which to use certificates does not: import it where it is used.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gdistributed.errors import UsageError
from gdistributed.security.certificates import AUTHORITY, CERTIFICATE, KEY, NAME

Key: TypeAlias = ec.EllipticCurvePrivateKey

AUTHORITY_KEY: Final = "ca.key"
AUTHORITY_DAYS: Final = 3650
CLOCKS_DIFFER: Final = timedelta(minutes=5)
USES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def write(folder: Path, days: int) -> datetime:
    """Write the certificates of a cluster into a folder, or renew them there; when they expire.

    Raises
    ------
    UsageError
        If the folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any((folder / name).exists() for name in (AUTHORITY, AUTHORITY_KEY)):
            _write_authority(folder)
        return _write_member(folder, days)
    except OSError as error:
        raise UsageError(f"certificates in {folder}: {error.strerror}") from None


def _write_authority(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"authority of {NAME}, {datetime.now(UTC):%Y-%m-%d}")
    builder = (
        _builder(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    )
    _replace(folder / AUTHORITY_KEY, _pem(key), is_secret=True)
    certificate = builder.sign(key, hashes.SHA256())
    _replace(folder / AUTHORITY, certificate.public_bytes(Encoding.PEM))


def _write_member(folder: Path, days: int) -> datetime:
    authority, signing = _read_authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    builder = (
        _builder(_named(NAME), authority.subject, key, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(signed_by, critical=False)
    )
    certificate = builder.sign(signing, hashes.SHA256())
    _replace(folder / KEY, _pem(key), is_secret=True)
    _replace(folder / CERTIFICATE, certificate.public_bytes(Encoding.PEM))
    return certificate.not_valid_after_utc


def _read_authority(folder: Path) -> tuple[x509.Certificate, Key]:
    try:
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        key = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} is in use, and has no {Path(error.filename).name}: renew certificates where"
            " they were made, or choose an empty folder"
        ) from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"the authority in {folder} cannot be read: {error}") from None
    if not isinstance(key, Key):
        raise UsageError(f"the authority in {folder} was not made here: its key is of another kind")
    return authority, key


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in USES})


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _replace(path: Path, content: bytes, *, is_secret: bool = False) -> None:
    """Write a file whole or not at all; a secret can be read by its owner alone from its start."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if is_secret else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)
