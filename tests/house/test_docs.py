"""The pages: their links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docs.generate_protocol import anchor
from tests.house.source import ROOT, our_files

LINK = re.compile(r"\[[^\]]*\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    return [path for path in our_files() if path.suffix == ".md"]


def anchors(page: Path) -> set[str]:
    return {anchor(h) for h in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)}


def dead_links(page: Path) -> Iterator[str]:
    for target, part in LINK.findall(CODE.sub("", page.read_text())):
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (part and part not in anchors(file)):
            yield f"{page.name}: {target}#{part}".rstrip("#")


def test_links_lead_somewhere() -> None:
    assert pages()
    assert [link for page in pages() for link in dead_links(page)] == []


def test_a_planted_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A b\n[1](#a-b) [2](page.md#a-b) [3](https://x.org/y) [4](gone.md) [5](#gone)"
    )
    assert list(dead_links(page)) == ["page.md: gone.md", "page.md: #gone"]
    assert (ROOT / "docs/protocol.md") in pages()
