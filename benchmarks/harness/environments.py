"""One environment for each system, in `.tools/bench`; made when it is missing or out of date.

An environment named `gdistributed@COMMIT` has the code of that commit, laid out beside it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from harness.places import CHECKOUT, ENVIRONMENTS, REQUIREMENTS

LOG_LINES_SHOWN: Final = 15


class EnvironmentFailed(Exception):
    """The packages of a system could not be installed; the message has pip's last words."""


def python_of(environment: str) -> Path:
    """Return the interpreter of an environment, which is made first if need be.

    Parameters
    ----------
    environment
        Name of one of the files in `benchmarks/requirements`, perhaps with a commit after an @.

    Raises
    ------
    EnvironmentFailed
        If a package can't be installed, or there is no such commit.
    """
    base, _, revision = environment.partition("@")
    commit = _commit(revision) if revision else ""
    folder = ENVIRONMENTS / (f"{base}@{commit}" if commit else base)
    requirements = REQUIREMENTS / f"{base}.txt"
    python = folder / "bin" / "python"
    stamp = folder / "made-from"
    wanted = _fingerprint(requirements)
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"making the environment of {environment}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True, symlinks=True)
        source = _laid_out(commit, folder / "source") if commit else CHECKOUT
        _install(python, requirements, source)
        stamp.write_text(wanted)
    return python


def _install(python: Path, requirements: Path, source: Path) -> None:
    """Install with uv where it stands beside our interpreter and can; else with pip."""
    uv = Path(sys.executable).parent / "uv"
    commands = [[str(python), "-m", "pip", "install", "--disable-pip-version-check"]]
    if uv.exists():
        commands.insert(0, [str(uv), "pip", "install", "--python", str(python)])
    for command in commands:
        done = subprocess.run(
            [*command, "--requirement", str(requirements)],
            cwd=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode == 0:
            return
    words = "\n".join(done.stdout.splitlines()[-LOG_LINES_SHOWN:])
    raise EnvironmentFailed(f"{requirements.name} could not be installed:\n{words}")


def _commit(revision: str) -> str:
    command = ["git", "rev-parse", "--verify", "--short=12", f"{revision}^{{commit}}"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    if done.returncode:
        raise EnvironmentFailed(f"there is no commit {revision!r} in {CHECKOUT}")
    return done.stdout.strip()


def _laid_out(commit: str, folder: Path) -> Path:
    """Write the files of a commit into a new folder."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=CHECKOUT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def _fingerprint(requirements: Path) -> str:
    """Return what an environment depends on: the requirements, our own, and the interpreter."""
    parts = [requirements.read_bytes(), sys.version.encode(), str(CHECKOUT).encode()]
    if "-e ." in requirements.read_text():
        parts.append((CHECKOUT / "pyproject.toml").read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
