"""How many workers a cluster that adapts decides to have."""

from __future__ import annotations

import pytest

from gdistributed import LocalCluster
from gdistributed.deploy.adaptive import AdaptiveOptions, Patience
from gdistributed.errors import UsageError


def patience(minimum: int = 0, maximum: int = 10, wait_count: int = 3) -> Patience:
    return Patience(AdaptiveOptions(minimum, maximum, 1.0, wait_count, 5.0, 1))


def test_more_at_once_and_fewer_when_it_has_lasted() -> None:
    adapting = patience()
    assert adapting.decide(0, 4) == 4
    assert [adapting.decide(4, 1) for _ in range(3)] == [4, 4, 1]


def test_not_fewer_than_were_of_use_in_any_look() -> None:
    adapting = patience()
    assert [adapting.decide(8, recommended) for recommended in (1, 5, 2, 3, 0)] == [8, 8, 5, 5, 3]


def test_a_look_in_which_all_are_of_use_begins_the_wait_anew() -> None:
    adapting = patience()
    assert [adapting.decide(2, recommended) for recommended in (1, 1, 2, 1, 1)] == [2] * 5


def test_bounds_are_kept() -> None:
    adapting = patience(minimum=2, maximum=5)
    assert adapting.decide(0, 0) == 2
    assert adapting.decide(2, 100) == 5
    assert adapting.decide(7, 100) == 5  # after `scale`, which knows no bounds
    assert [patience(minimum=2, wait_count=1).decide(4, 0) for _ in range(2)] == [2, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"minimum": 3, "maximum": 2}, "at least 3 and at most 2 workers makes no sense"),
        ({"minimum": -1}, "at least -1"),
        ({"interval": 0}, "interval and target_duration are more than 0 seconds"),
        ({"target_duration": "-5s"}, "'-5s' is no time: write 90s"),
        ({"interval": "soon"}, "'soon' is no time"),
        ({"wait_count": 0}, "wait_count is at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, int | str], words: str) -> None:
    with LocalCluster(1, processes=False) as cluster, pytest.raises(UsageError, match=words):
        cluster.adapt(**options)


def test_a_cluster_that_is_closed_is_refused() -> None:
    cluster = LocalCluster(1, processes=False)
    cluster.close()
    with pytest.raises(UsageError, match="a cluster that is closed cannot be scaled"):
        cluster.adapt()
