"""The libraries of the dashboard's pages are those that its lock file names, byte for byte."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.house.source import ROOT
from tests.tools import require

DASHBOARD = ROOT / "gdistributed" / "dashboard"
INPUTS = (".npmrc", "package.json", "package-lock.json", "vendor.js")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_vendored_files_are_those_of_the_lock_file(tmp_path: Path) -> None:
    npm = require("npm", "install Node.js")
    for name in INPUTS:
        shutil.copy(DASHBOARD / name, tmp_path)
    made = tmp_path / "made"
    for arguments in (["ci", "--silent"], ["run", "--silent", "vendor", "--", str(made)]):
        subprocess.run([npm, *arguments], cwd=tmp_path, check=True, capture_output=True)
    assert contents(made) == contents(DASHBOARD / "static" / "vendor")


def test_every_vendored_library_brings_its_licence() -> None:
    names = contents(DASHBOARD / "static" / "vendor")
    libraries = {name.partition(".")[0] for name in names}
    assert {name for name in libraries if f"{name}.LICENSE" not in names} == set()
