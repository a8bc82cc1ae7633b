"""`make demo-languages`, as a person runs it, and its graph when a worker in Go is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import unicodedata
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.examples import languages
from gdistributed import Client, remote, wait
from tests.processes import address_of, started
from tests.tools import ROOT, require

NEEDS_R = "install r-base-core and r-cran-jsonlite"
GO_WORKER = require(ROOT / languages.GO_WORKER, "make test builds it (needs Go)")
RSCRIPT = require("Rscript", NEEDS_R)


def run_demo(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "docs.examples.languages"],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "80"} | environment,
        check=False,
    )


def test_the_demo_ends_well_and_shows_what_it_found() -> None:
    done = run_demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    words = re.search(r"([\d,]+) words, ([\d,]+) of them distinct", done.stdout)
    assert words is not None
    assert int(words[1].replace(",", "")) > 50_000
    assert f"the counts of all {words[2]} words are the same" in done.stdout
    assert "the line is the same" in done.stdout
    shown = [line for line in done.stdout.splitlines() if not re.match(r"\$ |\d+/\d+ ", line)]
    assert max(map(len, shown)) <= 80
    assert re.search(r"Go +wordcount\.Count +\w+", done.stdout)
    assert re.search(r"R +zipf\.fit +ross +1", done.stdout)


def test_a_missing_language_is_said_in_one_line() -> None:
    done = run_demo(PATH=str(Path(sys.executable).parent))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "this demo needs, and does not find: "
        "R with jsonlite (Debian: r-base-core r-cran-jsonlite)\n"
    )


def test_a_word_counted_otherwise_ends_the_demo_with_an_error() -> None:
    languages.check_counts({"to": 2, "be": 2}, Counter(to=2, be=2))
    with pytest.raises(SystemExit, match=r"1 words .* 'be' 2 times, not 1"):
        languages.check_counts({"to": 2, "be": 2}, Counter(to=2, be=1))


def test_a_line_that_is_another_ends_the_demo_with_an_error() -> None:
    expected = languages.fit([12, 6, 4, 3])
    assert expected["slope"] == pytest.approx(-1)
    assert expected["residual"] == pytest.approx(0, abs=1e-12)
    languages.check_line(expected, expected)
    for wrong in (expected["slope"] * (1 + 1e-8), float("nan")):
        with pytest.raises(SystemExit, match="the line of R is"):
            languages.check_line(expected | {"slope": wrong}, expected)


def test_go_and_python_mean_the_same_by_a_word() -> None:
    every_character = " ".join(f"a{chr(code)}b" for code in range(0x110000) if is_text(code))
    odd = "İstanbul ΣΊΣΥΦΟΣ snake_case x² Ⅷ ½ ٣٤ naïve don't 日本語 Straße ǅ"
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0"))
        started(processes, address, program=[GO_WORKER]).wait_for("registered")
        client = processes.enter_context(Client(address))
        for text in (odd, every_character):
            counts = client.submit(remote("wordcount.Count", runtime="go"), text).result()
            assert counts == languages.count_words(text)


def is_text(code: int) -> bool:
    """Whether a character is one, and so old that Python and Go know it, whichever is newer."""
    return unicodedata.ucd_3_2_0.category(chr(code)) not in {"Cn", "Co", "Cs"}


def test_a_graph_whose_go_worker_is_killed_ends_on_another_one(tmp_path: Path) -> None:
    late = tmp_path / "late.md"
    os.mkfifo(late)  # its reader waits for a writer, and the graph with it
    pieces = [*languages.documentation().values(), [late]]
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0", cwd=ROOT))
        options = ("--no-nanny", "--nthreads", "2", "--runtime", languages.R_WORKER)
        python = started(processes, "worker", address, *options, cwd=ROOT)
        victim = started(processes, address, "--name", "victim", program=[GO_WORKER])
        for worker in (python, victim):
            worker.wait_for("registered")
        client = processes.enter_context(Client(address))
        graph = languages.submit(client, pieces)
        wait(graph.counts[:-1])
        other = started(processes, address, "--name", "other", program=[GO_WORKER])
        other.wait_for("registered")
        held = client.who_has(graph.counts[:-1])
        assert {len(holders) for holders in held.values()} == {1}
        (address_of_victim,) = {holder for holders in held.values() for holder in holders}
        names = {each: of["name"] for each, of in client.scheduler_info()["workers"].items()}
        assert names[address_of_victim] == "victim"

        victim.send_signal(signal.SIGKILL)
        victim.wait()
        late.write_text("too late too late")
        expected = languages.count_words(
            "\n".join(map(languages.text_of, pieces[:-1])) + "\ntoo late too late"
        )
        table, line = client.gather([graph.table, graph.line])
        assert dict(zip(table["word"], table["count"], strict=True)) == expected
        languages.check_line(line, languages.fit(table["count"]))
