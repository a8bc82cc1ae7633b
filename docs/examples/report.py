"""A report of the main job, and pictures of the dashboard (`make demo-report`).

Analyses the flights as `docs/examples/flights.py` does, under `performance_report`. Where Chromium
is installed, it has the dashboard open meanwhile and takes a picture of each of its pages.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from docs.examples.browser import DESK, PROGRAM, aside, expect_live, running_browser
from docs.examples.flights import SIDE, WORKERS, Flights, analyse, load
from docs.examples.terminal import ROOT, cluster, console
from gdistributed import Client, Future, performance_report

FOLDER = ROOT / "build" / "demo-report"
TIMEOUT_MS = 30_000
WORKER = "ada"


def analyse_and_report(client: Client, flights: Flights, file: Path, side: int) -> list[Future]:
    with performance_report(file, client, title="Flights that left New York in 2013"):
        return analyse(client, flights, side)


# ---- Pictures of the dashboard.


@dataclass(frozen=True)
class View:
    """A page of the dashboard: its address, its title, and by what one sees that it is there."""

    path: str
    title: str
    shows: str


def views(key: str) -> dict[str, View]:
    """Return each page by its name; `key` is the task that is looked at."""
    task = quote(key, safe="")
    return {
        "overview": View("", "Overview", "progress-row"),
        "workers": View("workers", "Workers", "workers-table-row"),
        "worker": View(f"workers/{WORKER}", WORKER, "log-line"),
        "tasks": View("tasks", "Tasks", "tasks-table-row"),
        "task": View(f"tasks/{task}", key, "story-line"),
        "graph": View(f"graph?key={task}", "Graph", "graph-node"),
        "clients": View("clients", "Clients", "clients-table-row"),
        "logs": View("logs", "Logs", "log-line"),
    }


def take_pictures(page: Page, link: str, key: str, folder: Path) -> None:
    expect(page.get_by_test_id("tile-threads-value")).to_have_text(
        re.compile(r"^0\b")
    )  # all is done
    for name, view in views(key).items():
        page.set_viewport_size(DESK)
        page.goto(f"{link}#/{view.path}")  # only the hash changes: the page keeps what it has heard
        expect(page).to_have_title(f"{view.title} · gdistributed")
        expect(page.get_by_test_id(view.shows).first).to_be_visible()
        expect(page.locator("main .loading")).to_have_count(0)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": DESK["width"], "height": height})
        page.screenshot(path=folder / f"{name}.png")


def analyse_before_a_browser(
    client: Client, flights: Flights, folder: Path, side: int, chromium: str
) -> None:
    expect.set_options(timeout=TIMEOUT_MS)
    link = client.dashboard_link
    with running_browser(chromium) as browser:
        page = browser.new_page(viewport=DESK)
        page.goto(link)
        expect_live(page)
        futures = aside(analyse_and_report, client, flights, folder / "report.html", side)
        take_pictures(page, link, futures[0].key, folder)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    parser.add_argument("--months", type=int, default=12, help="so many months of the year")
    parser.add_argument("--side", type=int, default=SIDE, help="of the dask array")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    folder, side = arguments.folder, arguments.side
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which(PROGRAM)
    with (
        tempfile.TemporaryDirectory() as scratch,
        cluster(Path(scratch), *WORKERS) as address,
        Client(address) as client,
    ):
        flights = load(Path(scratch), arguments.months)
        client.wait_for_workers(len(WORKERS))
        if chromium is None:
            analyse_and_report(client, flights, folder / "report.html", side)
        else:
            analyse_before_a_browser(client, flights, folder, side, chromium)
    console.print(f"\nReport: {folder / 'report.html'}", soft_wrap=True)
    if chromium is None:
        console.print("no chromium here: no pictures of the dashboard (Debian: chromium)")
    else:
        console.print(f"Pictures of the dashboard: {folder}/*.png", soft_wrap=True)


if __name__ == "__main__":
    main()
