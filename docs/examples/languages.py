"""Three languages in one graph: `make demo-languages`.

How often do words stand in the documentation of the installed Python packages, and does that follow
Zipf's law? Workers in Python, Go and R share the work, each a process of its own:

    Python      Go                Go                Python    R
    text_of ──▶ wordcount.Count ─┐
    text_of ──▶ wordcount.Count ─┼▶ wordcount.Merge ─▶ ranked ─▶ zipf.fit
    text_of ──▶ wordcount.Count ─┘

The same is computed in plain Python, in this process; a difference ends the program with exit
code 1.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from docs.examples.terminal import ADDRESS, ROOT, cluster, console, small_table, step
from gdistributed import Client, Future, progress, remote

GO_WORKER = "build/gd-go-worker"
R_WORKER = "r=Rscript workers/r/worker.R"
WORKERS = [
    ("gd", "worker", ADDRESS, "--name=ada", "--nthreads=1"),
    ("gd", "worker", ADDRESS, "--name=ross", "--nthreads=1", f"--runtime={R_WORKER}"),
    (GO_WORKER, ADDRESS, "--name=rob", "--nthreads=1"),
    (GO_WORKER, ADDRESS, "--name=ken", "--nthreads=1"),
]
DOCUMENTATION = {".md", ".rst", ".txt"}
RANKS_SHOWN = [1, 2, 3, 4, 5, 10, 100, 1000]

# Both fits get the same integers and round differently: by some 1e-13 of a value, since the columns
# "1" and "log of the rank" are nearly parallel. To lose the rarest word changes the slope by 1e-5.
TOLERANCE = 1e-9


# ---- The text: a piece for each installed package.


def documentation() -> dict[str, list[Path]]:
    """Return the documentation files of each installed package that has some."""
    found = {package.name: documentation_of(package) for package in distributions()}
    return {name: files for name, files in sorted(found.items()) if files}


def documentation_of(package: Distribution) -> list[Path]:
    files = [
        Path(str(file.locate()))
        for file in package.files or ()
        if (file.suffix in DOCUMENTATION or file.name == "METADATA") and "tests" not in file.parts
    ]
    return sorted(file for file in files if file.is_file())


# ---- The graph. Functions of Python go to the workers as they are, those of others by name.


def text_of(files: Sequence[Path]) -> str:
    return "\n".join(file.read_text("utf-8", errors="replace") for file in files)


def ranked(counts: dict[str, int]) -> dict[str, list[str] | list[int]]:
    """Turn counts into a table, the most frequent word first, as R reads it."""
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return {"word": [word for word, _ in rows], "count": [count for _, count in rows]}


@dataclass
class Graph:
    """The futures of all steps."""

    texts: list[Future]
    counts: list[Future]
    total: Future
    table: Future
    line: Future

    def steps(self) -> list[tuple[str, str, list[Future]]]:
        """Return the language, the function and the tasks of each step."""
        return [
            ("Python", "text_of", self.texts),
            ("Go", "wordcount.Count", self.counts),
            ("Go", "wordcount.Merge", [self.total]),
            ("Python", "ranked", [self.table]),
            ("R", "zipf.fit", [self.line]),
        ]


def submit(client: Client, pieces: Iterable[Sequence[Path]]) -> Graph:
    texts = client.map(text_of, pieces)
    counts = client.map(remote("wordcount.Count", runtime="go"), texts)
    total = client.submit(remote("wordcount.Merge", runtime="go"), *counts)
    table = client.submit(ranked, total)
    line = client.submit(remote("zipf.fit", runtime="r"), table)
    return Graph(texts, counts, total, table, line)


# ---- The same in plain Python.


def count_words(text: str) -> Counter[str]:
    """Count as Go does: a word is a run of letters and decimal digits, each in lower case."""
    table = {
        ord(each): each.lower()[0] if is_of_a_word(each) else " "  # [0]: "İ" has two otherwise
        for each in set(text)
    }
    return Counter(text.translate(table).split())


def is_of_a_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith("L") or category == "Nd"


def fit(counts: Sequence[int]) -> dict[str, float]:
    """Fit log(count) = intercept + slope * log(rank) by least squares; counts are in order."""
    xs = [math.log(rank) for rank in range(1, len(counts) + 1)]
    ys = [math.log(count) for count in counts]
    x_mean, y_mean = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    products = math.fsum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    slope = products / math.fsum((x - x_mean) ** 2 for x in xs)
    intercept = y_mean - slope * x_mean
    squares = math.fsum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    residual = math.sqrt(squares / (len(xs) - 2))
    return {"slope": slope, "intercept": intercept, "residual": residual}


def check_counts(found: dict[str, int], expected: Counter[str]) -> None:
    different = sorted(
        word
        for word in found.keys() | expected.keys()
        if found.get(word, 0) != expected.get(word, 0)
    )
    if different:
        first = different[0]
        sys.exit(
            f"{len(different):,} words are counted otherwise than by plain Python: "
            f"{first!r} {found.get(first, 0)} times, not {expected.get(first, 0)}"
        )
    console.print(f"[green]✓[/green] the counts of all {len(found):,} words are the same")


def check_line(found: dict[str, float], expected: dict[str, float]) -> None:
    worst = max(abs(found[name] / value - 1) for name, value in expected.items())
    if not worst <= TOLERANCE:
        sys.exit(f"the line of R is {found}, that of plain Python {expected}")
    console.print(f"[green]✓[/green] the line is the same, but for a relative {worst:.0e}")


# ---- What is shown.


def show_steps(client: Client, graph: Graph) -> None:
    names = {
        address: worker["name"] for address, worker in client.scheduler_info()["workers"].items()
    }
    table = small_table("language", "function", "results are on", numbers=["tasks"])
    for language, function, futures in graph.steps():
        holders = {names[each] for held in client.who_has(futures).values() for each in held}
        table.add_row(language, function, ", ".join(sorted(holders)), f"{len(futures):,}")
    console.print(table)


def show_words(table: dict[str, list[str]], line: dict[str, float]) -> None:
    shown = small_table("word", numbers=["rank", "times", "by the line"])
    words, counts = table["word"], table["count"]
    for rank in RANKS_SHOWN:
        if rank <= len(words):
            on_line = math.exp(line["intercept"]) * rank ** line["slope"]
            shown.add_row(words[rank - 1], f"{rank:,}", f"{counts[rank - 1]:,}", f"{on_line:,.0f}")
    console.print(shown)
    console.print(f"{sum(counts):,} words, {len(words):,} of them distinct")
    console.print(
        f"times = {math.exp(line['intercept']):,.0f} / rank^{-line['slope']:.4f}, "
        f"residual {line['residual']:.4f} (of the logarithm)"
    )


def missing_languages() -> list[str]:
    """Return what is missing, and how one gets it."""
    missing = []
    if not (ROOT / GO_WORKER).exists():
        missing.append("Go 1.24 or newer (https://go.dev/dl)")
    has_json = ["Rscript", "-e", 'quit(status = !requireNamespace("jsonlite", quietly = TRUE))']
    if not shutil.which("Rscript") or subprocess.run(has_json, check=False).returncode:
        missing.append("R with jsonlite (Debian: r-base-core r-cran-jsonlite)")
    return missing


def main() -> None:
    if missing := missing_languages():
        sys.exit(f"this demo needs, and does not find: {'; '.join(missing)}")
    packages = documentation()
    with (
        tempfile.TemporaryDirectory() as scratch,
        cluster(Path(scratch), *WORKERS) as address,
        Client(address) as client,
    ):
        client.wait_for_workers(len(WORKERS), timeout=60)
        files = [file for files in packages.values() for file in files]
        nbytes = sum(file.stat().st_size for file in files)
        console.print(
            f"{nbytes:,} bytes in {len(files)} documentation files of {len(packages)} packages"
        )

        with step("1. One graph: Python reads, Go counts, R fits a line"):
            graph = submit(client, packages.values())
            progress([*graph.texts, *graph.counts, graph.total, graph.table, graph.line])
            show_steps(client, graph)

        with step("2. Zipf's law: how often the words stand there"):
            table, line = client.gather([graph.table, graph.line])
            show_words(table, line)

        with step("3. The same in plain Python"):
            expected = count_words(text_of(files))
            check_counts(dict(zip(table["word"], table["count"], strict=True)), expected)
            check_line(line, fit(sorted(expected.values(), reverse=True)))


if __name__ == "__main__":
    main()
