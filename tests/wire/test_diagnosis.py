"""Why nobody answers at an address: said in words, with real servers of every wrong kind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc.aio
import pytest

from gdistributed.security.certificates import Security, write_certificates
from gdistributed.wire.access import server_credentials
from gdistributed.wire.diagnosis import diagnose


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "others"):
        write_certificates(folder / name)
    return folder


@asynccontextmanager
async def grpc_server(security: Security | None) -> AsyncIterator[str]:
    server = grpc.aio.server()
    if security is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", server_credentials(security))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@contextmanager
def silent_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


async def test_where_nothing_listens() -> None:
    with silent_server() as place:
        pass
    assert "nothing listens there" in await diagnose(place, None)


async def test_where_something_else_listens(folder: Path) -> None:
    ours = Security(folder / "ours")
    with silent_server() as place:
        assert await diagnose(place, None) == "something listens there, but it does not speak gRPC"
        assert "does not answer in TLS" in await diagnose(place, ours)


async def test_a_server_with_certificates_and_a_client_without(folder: Path) -> None:
    async with grpc_server(Security(folder / "ours")) as place:
        found = await diagnose(place, None)
    assert found.startswith("it speaks TLS")
    assert "gd --tls FOLDER" in found


async def test_a_client_with_certificates_and_a_server_without(folder: Path) -> None:
    async with grpc_server(None) as place:
        found = await diagnose(place, Security(folder / "ours"))
    assert found == f"it does not speak TLS, as we do with the certificates in {folder / 'ours'}"


async def test_certificates_of_two_clusters(folder: Path) -> None:
    async with grpc_server(Security(folder / "ours")) as place:
        found = await diagnose(place, Security(folder / "others"))
    assert found.startswith(f"the certificates in {folder / 'others'} do not fit its own: ")


async def test_a_certificate_that_expired_meanwhile(folder: Path, tmp_path: Path) -> None:
    for file in (folder / "ours").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    security = Security(tmp_path)
    write_certificates(tmp_path, days=0)
    async with grpc_server(Security(folder / "ours")) as place:
        assert "certificate has expired" in await diagnose(place, security)


async def test_a_certificate_that_the_server_alone_does_not_accept(
    folder: Path, tmp_path: Path
) -> None:
    """We trust its authority; it does not trust the one that signed our certificate."""
    both = b"".join((folder / name / "ca.crt").read_bytes() for name in ("ours", "others"))
    (tmp_path / "ca.crt").write_bytes(both)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_bytes((folder / "others" / name).read_bytes())
    async with grpc_server(Security(folder / "ours")) as place:
        found = await diagnose(place, Security(tmp_path))
    assert found == f"it does not accept the certificates in {tmp_path}"


async def test_a_file_that_nobody_serves(tmp_path: Path) -> None:
    assert "No such file" in await diagnose(f"unix:{tmp_path / 'none'}", None)
    server = await asyncio.start_unix_server(lambda _, ours: ours.close(), tmp_path / "some")
    async with server:
        found = await diagnose(f"unix:{tmp_path / 'some'}", None)
    assert found == "something listens there, but it does not speak gRPC"
