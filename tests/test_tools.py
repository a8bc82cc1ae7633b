"""The programs that make installs for the tests."""

from __future__ import annotations

import subprocess

import pytest

from tests.tools import require


def test_grpcurl_is_the_real_one(grpcurl: str) -> None:
    done = subprocess.run([grpcurl, "-help"], capture_output=True, text=True, check=False)
    assert "-proto" in done.stdout + done.stderr


def test_a_missing_program_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is missing: buy it"):
        require("no-such-program", "buy it")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nothing may be skipped"):
        require("no-such-program", "buy it")
