"""The page of a profile: all in it, nothing from elsewhere, nothing that acts as code."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from gdistributed.client.profiles import Profile
from gdistributed.observe.flame_graph import flame_graph, nodes_of, static_text
from gdistributed.observe.profile_tree import Node, prefix_frame

NASTY = "</script><b>&\"'$title<!--"
MILL = ("Mill.grind", "mill.py", 7)
SACK = (NASTY, "sack.py", 2)


def grown() -> Node:
    tree = Node()
    for _ in range(3):
        tree.add([prefix_frame("grind"), MILL, MILL])
    tree.add([prefix_frame("grind"), MILL, SACK])
    return tree


def profile(tree: Node | None = None) -> Profile:
    return Profile(
        grown() if tree is None else tree,
        "All tasks on 1 worker",
        root="all tasks",
        interval_s=0.01,
        start=datetime(2026, 5, 1, 12).timestamp(),
        stop=datetime(2026, 5, 1, 13).timestamp(),
        missing={"host:1": f"it is gone {NASTY}"},
    )


def data_in(html: str) -> list[dict[str, Any]]:
    [text] = re.findall(
        r"^flameGraph\(document\.getElementById\(\"[\w-]+\"\), (\[.*\]), {", html, re.M
    )
    nodes: list[dict[str, Any]] = json.loads(text)
    return nodes


def test_a_page_holds_the_whole_profile() -> None:
    html = profile().to_html()
    assert data_in(html) == nodes_of(grown())
    assert static_text("flame_graph.js") in html
    assert "4 samples, one every 10 ms, from 2026-05-01 12:00:00 to 2026-05-01 13:00:00." in html


def test_a_page_needs_nothing_from_elsewhere() -> None:
    html = profile().to_html()
    assert not re.search(
        r"https?:|//[a-z]|\bsrc=|\bhref=|@import|url\(|\bimport\b", html.replace("// ", "")
    )
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket", html)


def test_names_are_only_names() -> None:
    html = profile().to_html()
    assert "<b>" not in html
    assert html.count("</script>") == html.count("<script>") == 1
    assert "&lt;/script&gt;&lt;b&gt;&amp;" in html


def test_two_graphs_in_one_notebook_do_not_meet() -> None:
    first, second = (flame_graph(grown(), "all") for _ in range(2))
    name = re.compile(r'<div id="([\w-]+)"')
    assert name.findall(first) != name.findall(second)


def test_a_notebook_shows_it_with_what_is_missing() -> None:
    shown = profile()._repr_html_()
    assert data_in(shown) == nodes_of(grown())
    assert "Not in it: host:1: it is gone &lt;/script&gt;" in shown


def test_the_table_counts_recursion_once() -> None:
    top = profile().top()
    assert [(each.function, each.own, each.samples) for each in top] == [
        ("Mill.grind", 3, 4),
        (NASTY, 1, 1),
    ]
    assert len(profile().top(1)) == 1


def test_as_dicts() -> None:
    found = profile().to_dict()
    assert (found["function"], found["samples"]) == ("all tasks", 4)
    [grind] = found["children"]
    [mill] = grind["children"]
    assert (mill["function"], mill["file"], mill["line"]) == MILL
    assert [each["samples"] for each in mill["children"]] == [3, 1]


def test_very_deep_profiles_too() -> None:
    tree = Node()
    tree.add([(f"f{n}", "deep.py", n) for n in range(5_000)])
    deep = profile(tree)
    assert len(data_in(deep.to_html())) == 5_001
    assert [each.function for each in deep.top()] == ["f4999"]


def test_people_see_the_hottest() -> None:
    assert repr(profile()).startswith(
        "<Profile of all tasks: 4 samples, one every 10 ms, from 2026"
    )
    assert "; Mill.grind 75%; " in repr(profile())
    assert repr(profile()).endswith("; without host:1>")


def test_nothing_was_seen() -> None:
    empty = Profile(Node(), "All tasks on 1 worker", root="all tasks")
    assert repr(empty) == "<Profile of all tasks: No samples>"
    assert "No samples." in empty.to_html()
    assert empty.top() == []
