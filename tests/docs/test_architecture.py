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
