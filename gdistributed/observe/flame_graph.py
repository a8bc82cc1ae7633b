"""Profiles as HTML that needs nothing else: no file, no network."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from uuid import uuid4

from gdistributed.observe.profile_tree import Node


@cache
def static_text(name: str) -> str:
    """Return one of the files in `static/`."""
    return files("gdistributed.observe").joinpath("static", name).read_text(encoding="utf-8")


def nodes_of(tree: Node) -> list[dict[str, Any]]:
    """Return a tree as `static/flame_graph.js` takes it: a list, a parent before its children."""
    return [
        {"parent": parent, "function": name, "file": file, "line": line, "samples": node.samples}
        for parent, (name, file, line), node in tree.walk()
    ]


def flame_graph(tree: Node, root: str) -> str:
    """Return a piece of HTML with a flame graph, for a page or a notebook.

    Parameters
    ----------
    tree
        The profile.
    root
        What to call its root, as in "all tasks".
    """
    name = f"flame-{uuid4().hex}"
    options = {"root": root}
    call = f"flameGraph(document.getElementById({_script(name)}), {_script(nodes_of(tree))}, "
    return (
        f"<style>{static_text('flame_graph.css')}</style>\n"
        f'<div id="{name}"></div>\n'
        f"<script>(() => {{\n{static_text('flame_graph.js')}\n{call}{_script(options)});\n"
        f"}})();</script>"
    )


def page(title: str, facts: Iterable[str], graph: str, table: str) -> str:
    """Return a whole page of HTML.

    Parameters
    ----------
    title
        What it is about; as `facts` it is plain text.
    facts
        Sentences below the title.
    graph, table
        Pieces of HTML.
    """
    return Template(static_text("profile.html")).substitute(
        title=escape(title),
        facts="\n".join(f"<p>{escape(fact)}</p>" for fact in facts),
        graph=graph,
        table=table,
    )


def _script(value: object) -> str:
    """Return a value as JavaScript within HTML, where nothing may look like the end of a script."""
    return json.dumps(value).replace("<", "\\u003c")
