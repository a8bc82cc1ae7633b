"""The certificates of a cluster: made, renewed, and looked at before they are used."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gdistributed.errors import UsageError
from gdistributed.security.certificates import Security, write_certificates

MEMBERS = ("ca.crt", "tls.crt", "tls.key")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_certificates(tmp_path / "keys")
    return tmp_path / "keys"


def certificate_in(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "tls.crt").read_bytes())


def copied(folder: Path, place: Path, *names: str) -> None:
    place.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(folder / name, place)


def test_keys_can_be_read_by_their_owner_alone(folder: Path) -> None:
    rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert rights == {"ca.crt": 0o644, "ca.key": 0o600, "tls.crt": 0o644, "tls.key": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_they_are_good_for_as_long_as_was_said(tmp_path: Path) -> None:
    until = write_certificates(tmp_path, days=7)
    left = until - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert certificate_in(tmp_path).not_valid_after_utc == until


def test_members_need_no_more_than_three_files(folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path / "member", *MEMBERS)
    security = Security(tmp_path / "member")
    assert security.folder == tmp_path / "member"
    assert repr(security) == f"Security({str(tmp_path / 'member')!r})"


def test_renewed_ones_are_of_the_same_authority(folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path / "old", *MEMBERS)
    before = certificate_in(folder)
    write_certificates(folder)
    assert certificate_in(folder).serial_number != before.serial_number
    assert (folder / "ca.crt").read_bytes() == (tmp_path / "old" / "ca.crt").read_bytes()
    copied(folder, tmp_path / "old", "tls.crt", "tls.key")
    Security(tmp_path / "old")


def test_they_are_renewed_where_they_were_made(folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path / "member", *MEMBERS)
    with pytest.raises(UsageError, match=r"member is in use, and has no ca\.key"):
        write_certificates(tmp_path / "member")
    (folder / "ca.key").write_text("no key")
    with pytest.raises(UsageError, match=r"authority in .*keys cannot be read"):
        write_certificates(folder)


def test_a_folder_that_cannot_be_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"certificates in .*tls\.crt/inside: Not a directory"):
        write_certificates(folder / "tls.crt" / "inside")


@pytest.mark.parametrize("missing", MEMBERS)
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(UsageError, match=rf"{missing}: No such file.*gd certificates"):
        Security(folder)


def test_an_expired_certificate_is_refused_before_it_is_used(folder: Path) -> None:
    write_certificates(folder, days=0)
    with pytest.raises(UsageError, match="would not accept each other: certificate has expired"):
        Security(folder)


def test_files_that_do_not_belong_together_are_refused(folder: Path, tmp_path: Path) -> None:
    write_certificates(tmp_path / "other")
    copied(folder, tmp_path / "mixed", "ca.crt", "tls.crt")
    copied(tmp_path / "other", tmp_path / "mixed", "tls.key")
    with pytest.raises(UsageError, match="mixed are no certificate of an authority"):
        Security(tmp_path / "mixed")
    copied(tmp_path / "other", tmp_path / "mixed", "tls.crt")
    with pytest.raises(UsageError, match="would not accept each other: unable to get local issuer"):
        Security(tmp_path / "mixed")
    (tmp_path / "mixed" / "ca.crt").write_text("no certificate")
    with pytest.raises(UsageError, match="mixed are no certificate of an authority"):
        Security(tmp_path / "mixed")


def test_a_process_has_one_cluster(folder: Path, tmp_path: Path) -> None:
    write_certificates(tmp_path / "other")
    program = f"""
from gdistributed import Security
from gdistributed.errors import UsageError

Security({str(folder)!r}).use()
Security({str(folder)!r}).use()  # again
try:
    Security({str(tmp_path / "other")!r}).use()
except UsageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith(f"this process uses the certificates in {folder} already")


def test_temporary_ones_go_with_the_program() -> None:
    program = """
from gdistributed import Security
print(Security.temporary().folder)
security = Security.temporary()
print(sorted(path.name for path in security.folder.iterdir()), security.folder)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    first, second = done.stdout.splitlines()
    assert done.stderr == ""
    assert second.startswith("['ca.crt', 'ca.key', 'tls.crt', 'tls.key'] ")
    assert not Path(first).exists()
    assert not Path(second.rpartition(" ")[2]).exists()


def test_new_files_count_when_all_are_there(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied(folder, tmp_path / "member", *MEMBERS)
    security = Security(tmp_path / "member")
    before = security.identity()
    write_certificates(folder)
    copied(folder, tmp_path / "member", "tls.key")
    assert security.identity() == before
    assert security.identity() == before
    (tmp_path / "member" / "tls.crt").unlink()
    assert security.identity() == before
    copied(folder, tmp_path / "member", "tls.crt")
    assert security.identity() == Security(folder).identity() != before
    assert caplog.messages == ["the last certificates count"] * 2
    first, second = (getattr(record, "cause", "") for record in caplog.records)
    assert "member are no certificate of an authority" in first
    assert "tls.crt: No such file" in second
