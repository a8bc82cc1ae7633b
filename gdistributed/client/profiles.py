"""What `client.profile` returns: where time was spent, as a tree, a table and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from gdistributed.observe.flame_graph import flame_graph, page
from gdistributed.observe.profile_tree import Frame, Node


class ProfiledFunction(NamedTuple):
    """A function in a profile, wherever it was called.

    Attributes
    ----------
    function, file, line
        Its name, where it stands, and where it begins. What was spent around the functions of tasks
        has their prefix as its name, and no file.
    own
        Samples that saw it at work itself.
    samples
        Samples that saw it, also inside of what it had called.
    """

    function: str
    file: str
    line: int
    own: int
    samples: int


class Profile:
    """Samples of where in their code tasks were; a notebook shows it as a flame graph.

    Attributes
    ----------
    title
        What it is a profile of.
    tree : Node
        For each function, as it was called from its caller, how many samples saw it there. Below
        the root stand the prefixes of tasks.
    interval_s
        Seconds between two looks at what runs; more where a task lets nothing else run.
    start, stop : float or None
        Which time is covered, in seconds since 1970; None when there is no sample.
    missing
        By address, why workers are not in it.

    Examples
    --------
    >>> client.submit(sum, range(10_000_000)).result() > 0
    True
    >>> client.profile().to_dict()["function"]
    'all tasks'
    """

    def __init__(
        self,
        tree: Node,
        title: str,
        *,
        root: str,
        interval_s: float = 0.0,
        start: float | None = None,
        stop: float | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> None:
        self.tree = tree
        self.title = title
        self.interval_s = interval_s
        self.start = start
        self.stop = stop
        self.missing = dict(missing or {})
        self._root = root

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return self.tree.samples

    def top(self, n: int = 20) -> list[ProfiledFunction]:
        """Return the functions that were most often seen at work themselves.

        Parameters
        ----------
        n
            At most so many.

        Examples
        --------
        >>> [(each.function, each.own) for each in client.profile().top(3)]  # doctest: +SKIP
        [('multiply', 812), ('read', 97), ('parse', 31)]
        """
        own: dict[Frame, int] = {}
        samples: dict[Frame, int] = {}
        for frame, node, is_outermost in _walk_with_paths(self.tree):
            below = sum(child.samples for child in node.children.values())
            own[frame] = own.get(frame, 0) + node.samples - below
            if is_outermost:
                samples[frame] = samples.get(frame, 0) + node.samples
        hottest = sorted(own, key=lambda frame: (-own[frame], frame))[:n]
        return [ProfiledFunction(*f, own[f], samples[f]) for f in hottest if own[f]]

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as dicts: "function", "file", "line", "samples" and "children"."""
        made: list[dict[str, Any]] = []
        for parent, (function, file, line), node in self.tree.walk():
            children: list[dict[str, Any]] = []
            each = {"function": function, "file": file, "line": line, "samples": node.samples}
            made.append(each | {"children": children})
            if len(made) > 1:
                made[parent]["children"].append(made[-1])
        made[0]["function"] = self._root
        return made[0]

    def to_html(self) -> str:
        """Return a page with a flame graph and a table, which needs no other file."""
        rows = "".join(_row(each, self.samples) for each in self.top())
        table = (
            "<h2>Where time was spent</h2><div class='table'><table><tr><th class='number'>itself"
            "</th><th class='number'>in all</th><th>function</th><th>file</th></tr>"
            f"{rows}</table></div>"
        )
        return page(self.title, self._facts(), self._flame_graph(), table if rows else "")

    def save(self, filename: str | Path) -> None:
        """Write the page that `to_html` returns.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        Path(filename).write_text(self.to_html(), encoding="utf-8")

    def summary(self) -> str:
        """Return how many samples there are, and of which time, in a sentence."""
        if self.start is None or self.stop is None:
            return "No samples."
        begin, end = (datetime.fromtimestamp(each) for each in (self.start, self.stop))
        return (
            f"{self.samples:,} samples, one every {self.interval_s * 1000:g} ms, "
            f"from {begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S}."
        )

    def _facts(self) -> list[str]:
        missing = (f"Not in it: {where}: {why}" for where, why in sorted(self.missing.items()))
        return [self.summary(), *missing]

    def _flame_graph(self) -> str:
        return flame_graph(self.tree, self._root)

    def __repr__(self) -> str:
        parts = [
            f"{each.function} {each.own / self.samples:.0%}"
            for each in (self.top(3) if self.samples else ())
        ]
        missing = [f"without {address}" for address in sorted(self.missing)]
        return f"<Profile of {self._root}: {'; '.join([self.summary()[:-1], *parts, *missing])}>"

    def _repr_html_(self) -> str:
        lines = "".join(f"<div>{escape(fact)}</div>" for fact in self._facts())
        return f"<strong>{escape(self.title)}</strong>{lines}{self._flame_graph()}"


def _walk_with_paths(tree: Node) -> Iterator[tuple[Frame, Node, bool]]:
    """Yield the nodes but the root, and whether there is none of the same function above each."""
    above: dict[Frame, int] = {}
    pending: list[tuple[Frame, Node | None]] = list(tree.children.items())
    while pending:
        frame, node = pending.pop()
        if node is None:  # all below it are through
            above[frame] -= 1
            continue
        yield frame, node, not above.get(frame)
        above[frame] = above.get(frame, 0) + 1
        pending.append((frame, None))
        pending.extend(node.children.items())


def _row(each: ProfiledFunction, samples: int) -> str:
    place = f"{each.file}:{each.line}" if each.file else ""
    return (
        f"<tr><td class='number'>{each.own / samples:.1%}</td>"
        f"<td class='number'>{each.samples / samples:.1%}</td>"
        f"<td>{escape(each.function)}</td><td class='file'>{escape(place)}</td></tr>"
    )
