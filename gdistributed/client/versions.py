"""The software of both sides, and which of its differences matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

MATTERS: Final = ("python", "pickle", "cloudpickle", "dask")
NAMED: Final = 3

Versions = Mapping[str, str]


class VersionMismatchWarning(UserWarning):
    """Software of the client and of workers differs so that values may not be understood."""


def differences(mine: Versions, others: Iterable[tuple[str, Versions]]) -> list[str]:
    """Return a sentence for each difference that matters: what it is, and who differs.

    What matters is the minor version of Python and the protocol of its pickles, and the versions of
    cloudpickle and of dask. What one of two sides lacks is no difference.

    Parameters
    ----------
    mine
        Versions of this process by name.
    others
        The workers, each with its name and its versions.

    Examples
    --------
    >>> differences({"dask": "2026.1"}, [("ada", {"dask": "2025.9"})])
    ['dask is 2026.1 in this client and 2025.9 on the worker ada']
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for worker, theirs in others:
        for name in MATTERS:
            here, there = _significant(name, mine), _significant(name, theirs)
            if here and there and here != there:
                found.setdefault((name, mine[name], theirs[name]), []).append(worker)
    return [
        f"{name} is {here} in this client and {there} on {_named(workers)}"
        for (name, here, there), workers in found.items()
    ]


def _significant(name: str, versions: Versions) -> str:
    version = versions.get(name, "")
    return ".".join(version.split(".")[:2]) if name == "python" else version


def _named(workers: list[str]) -> str:
    if len(workers) == 1:
        return f"the worker {workers[0]}"
    rest = f" and {len(workers) - NAMED} more" if len(workers) > NAMED else ""
    return f"the workers {', '.join(workers[:NAMED])}{rest}"
