"""Every story goes as it is written. `pytest tests/stories --rewrite` writes down how they go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.interpreter import play

STORIES = sorted(Path(__file__).parent.glob("*.story"))


def told(path: Path, rewrite: bool) -> None:
    """Play a story, and compare it with what is written, or write it anew."""
    written = path.read_text()
    played = play(written)
    if rewrite:
        path.write_text(played)
    else:
        assert played == written, f"{path.name} goes otherwise; see also --rewrite"


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_goes_as_it_is_written(path: Path, request: pytest.FixtureRequest) -> None:
    told(path, request.config.getoption("rewrite"))


def test_there_are_stories() -> None:
    assert len(STORIES) >= 15


def test_a_story_that_goes_otherwise_fails_and_can_be_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "odd.story"
    path.write_text("client eve\nworker ada\neve submits x\n    -> ada: run y\n")
    with pytest.raises(AssertionError, match="goes otherwise"):
        told(path, rewrite=False)
    told(path, rewrite=True)
    assert "    -> ada: run x\n" in path.read_text()
    told(path, rewrite=False)


def test_a_line_that_is_no_deed_is_named() -> None:
    with pytest.raises(ValueError, match="eve dances"):
        play("eve dances\n")
