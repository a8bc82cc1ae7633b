"""The front door: what `import gdistributed` offers, and what it does not do yet."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gdistributed
from tests.house.source import ROOT, package_modules

pytestmark = pytest.mark.skipif(
    not (ROOT / "gdistributed/__init__.py").exists(), reason="there is no front door yet"
)


def python(program: str, *arguments: str) -> str:
    """Run a program with warnings as errors in a fresh process, and return what it says."""
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout + done.stderr


def test_every_exported_name_can_be_had() -> None:
    assert gdistributed.__all__
    for name in gdistributed.__all__:
        assert getattr(gdistributed, name) is not None
    assert set(gdistributed.__all__) <= set(dir(gdistributed))


def test_exports_are_unique() -> None:
    assert len(gdistributed.__all__) == len(set(gdistributed.__all__))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        gdistributed.no_such_name  # noqa: B018


def test_importing_costs_nothing_yet() -> None:
    program = "import sys, gdistributed; print(*{'asyncio', 'dask', 'grpc'} & set(sys.modules))"
    assert python(program).strip() == ""


def test_all_modules_together_leave_the_exported_names_alone() -> None:
    names = [m.name for m in package_modules() if m.short_name != "__main__"]
    program = """
import importlib, sys, gdistributed
before = {name: getattr(gdistributed, name) for name in gdistributed.__all__}
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*(name for name, value in before.items() if getattr(gdistributed, name) is not value))
"""
    assert python(program, *names).strip() == ""
