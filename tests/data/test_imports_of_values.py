"""Values that come to a new process at once, and import what they are made of at once."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

# Like NumPy's, these modules can only be imported in the order in which their package does it.
PACKAGE = """
import pathlib, time
pathlib.Path(__file__).with_name("begun").touch()
time.sleep(0.5)  # as if it had much to import
from things import outer
"""

OUTER = """
def outer():
    return "outer"
from things.inner import Inner
"""

INNER = """
from things.outer import outer
class Inner:
    pass
"""

PROGRAM = """
import pathlib, sys, threading, time
from gdistributed.data.codecs.pickled import unpickle

outer, inner = (pathlib.Path(name).read_bytes() for name in ("outer.pickle", "inner.pickle"))
first = threading.Thread(target=lambda: sys.stdout.write(f"{unpickle(outer)()}\\n"))
first.start()
while not pathlib.Path("things/begun").exists():
    time.sleep(0.01)
sys.stdout.write(f"{type(unpickle(inner)).__name__}\\n")
first.join()
"""

WRITER = """
import pathlib, pickle
import things.inner, things.outer
pathlib.Path("outer.pickle").write_bytes(pickle.dumps(things.outer.outer, 5))
pathlib.Path("inner.pickle").write_bytes(pickle.dumps(things.inner.Inner(), 5))
"""


def python(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(text)
    return subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_package_and_a_module_in_it_may_be_imported_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "outer.py").write_text(OUTER)
    (folder / "inner.py").write_text(INNER)
    assert python(WRITER, tmp_path).returncode == 0
    (folder / "begun").unlink()
    done = python(PROGRAM, tmp_path)
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == ["Inner", "outer"]


def test_what_names_nothing_takes_the_short_way() -> None:
    assert pickle.STACK_GLOBAL not in pickle.dumps(((1, "two", 3.0), {"four": None}), 5)
