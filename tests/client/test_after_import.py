"""Something is done when a package has been imported, by whomever."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdistributed.client.after_import import after_import


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that nobody has imported."""
    (tmp_path / "late_guest").mkdir()
    (tmp_path / "late_guest" / "__init__.py").write_text("from late_guest.inner import READY\n")
    (tmp_path / "late_guest" / "inner.py").write_text("READY = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "late_guest"
    for name in ("late_guest", "late_guest.inner"):
        sys.modules.pop(name, None)


def test_it_is_done_once_the_package_is_complete(package: str) -> None:
    seen: list[bool] = []
    before = list(sys.meta_path)
    after_import(package, lambda: seen.append(sys.modules[package].READY))
    assert seen == []
    importlib.import_module(f"{package}.inner")
    assert seen == [True]
    assert sys.meta_path == before
    importlib.import_module(package)
    assert seen == [True]


def test_it_is_done_at_once_when_the_package_is_there(package: str) -> None:
    importlib.import_module(package)
    seen: list[str] = []
    after_import(package, lambda: seen.append("done"))
    assert seen == ["done"]
