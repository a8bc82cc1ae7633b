"""The names of folders say which packages are installed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from gdistributed.installed import installed_versions
from gdistributed.wire.software import PACKAGES


def test_it_says_what_the_packages_say_of_themselves() -> None:
    installed = installed_versions()
    assert {name: installed[name] for name in PACKAGES} == {
        name: version(name) for name in PACKAGES
    }


def test_what_is_found_first_counts_and_what_is_no_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one/A.b_C-1.2.dist-info", "two/a_b_c-9.dist-info", "two/D-3.0-py3.11.egg-info"):
        (tmp_path / folder).mkdir(parents=True)
    archive = tmp_path / "archive.zip"
    archive.touch()
    places = [tmp_path / "one", archive, tmp_path / "none", tmp_path / "two"]
    monkeypatch.setattr("sys.path", list(map(str, places)))
    assert installed_versions.__wrapped__() == {"a-b-c": "1.2", "d": "3.0"}
