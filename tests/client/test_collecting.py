"""Garbage is collected less often while a graph is made, and as before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from gdistributed.client.collecting import collected_rarely
from gdistributed.settings import RARE_COLLECTIONS

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def test_it_is_as_before_once_the_last_one_is_done() -> None:
    first, second = collected_rarely(), collected_rarely()
    with first:
        second.__enter__()
        assert gc.get_threshold() == RARE_COLLECTIONS
    assert gc.get_threshold() == RARE_COLLECTIONS
    second.__exit__(None, None, None)
    assert gc.get_threshold() == USUAL


def test_it_is_as_before_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), collected_rarely():
        raise ZeroDivisionError
    assert gc.get_threshold() == USUAL


def test_who_collects_by_himself_goes_on_to() -> None:
    gc.set_threshold(0)
    with collected_rarely():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold()[0] == 0


def test_what_is_set_meanwhile_stays() -> None:
    with collected_rarely():
        gc.set_threshold(5000, 10, 10)
    assert gc.get_threshold() == (5000, 10, 10)
