"""The map of the house names rooms that exist."""

from __future__ import annotations

import re

from tests.tools import ROOT


def test_every_room_of_the_map_exists_and_every_room_is_on_it() -> None:
    table = (ROOT / "docs/architecture.md").read_text().partition("## The rooms")[2]
    named = set(re.findall(r"`([\w]+)/`", table.partition("## Glossary")[0])) - {"proto"}
    package = ROOT / "gdistributed"
    rooms = {path.parent.name for path in package.glob("*/*.py") if path.parent.name != "v1"}
    assert named - {"v1"} == rooms


def test_every_file_of_the_page_exists() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    package = ROOT / "gdistributed"
    named = re.findall(r"`([\w/*]+(?:\.py|/))`", page)
    assert len(named) > 10
    missing = [n for n in named if not (list(package.glob(n)) or list(ROOT.glob(n)))]
    assert missing == []
