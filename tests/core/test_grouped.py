"""Entries that have something in common are kept together, and numbered one by one."""

from __future__ import annotations

import pytest

from gdistributed.core.grouped import Grouped

Letters = tuple[list[str], int, str]


class Kept(Grouped[Letters]):
    """Letters, those of one colour together."""

    def __init__(self, kept: int = 10) -> None:
        super().__init__(kept, ([], 0, ""))

    def add(self, letters: str, colour: str) -> None:
        for letter in letters:
            if self.latest[2] == colour:
                self.latest[0].append(letter)
            else:
                self.open(([letter], self.close(), colour))

    def told(self, number: int) -> list[tuple[str, int, str]]:
        return [("".join(letters), first, colour) for letters, first, colour in self.since(number)]


def test_it_is_empty_at_first() -> None:
    kept = Kept()
    assert (kept.first, kept.last, kept.since(1)) == (1, 0, [])


def test_what_is_alike_is_one_group() -> None:
    kept = Kept()
    kept.add("abc", "red")
    kept.add("d", "blue")
    kept.add("ef", "red")
    assert (kept.first, kept.last) == (1, 6)
    assert kept.told(1) == [("abc", 1, "red"), ("d", 4, "blue"), ("ef", 5, "red")]


@pytest.mark.parametrize("number", range(9))
def test_it_is_told_from_any_number_on(number: int) -> None:
    kept = Kept()
    kept.add("abc", "red")
    kept.add("defg", "blue")
    told = kept.told(number)
    assert "".join(letters for letters, _, _ in told) == "abcdefg"[max(number - 1, 0) :]
    assert [first for _, first, _ in told][:1] == ([max(number, 1)] if number < 8 else [])


def test_nothing_is_added_to_what_was_told() -> None:
    kept = Kept()
    kept.add("a", "red")
    told = kept.since(1)
    kept.add("b", "red")
    assert told == [(["a"], 1, "red")]
    assert kept.told(2) == [("b", 2, "red")]
    assert kept.told(1) == [("a", 1, "red"), ("b", 2, "red")]


def test_the_oldest_are_dropped_also_within_a_group() -> None:
    kept = Kept(kept=4)
    kept.add("abcdefgh", "red")
    kept.trim()
    assert (kept.first, kept.last) == (1, 8)  # just twice as many
    kept.add("i", "red")
    kept.trim()
    assert (kept.first, kept.last) == (6, 9)
    assert kept.told(1) == kept.told(6) == [("fghi", 6, "red")]
    kept.add("j", "red")
    assert kept.told(10) == [("j", 10, "red")]
