"""A value of more than 4 GiB goes from a client to a worker, to another one, and back."""

from __future__ import annotations

import numpy as np
import psutil
import pytest

from gdistributed import Client
from tests.processes import running_cluster

GIB = 2**30
NBYTES = 5 * GIB
NEEDED = 17 * GIB  # the client has it once or twice, and each of two workers once


def marked(nbytes: int) -> np.ndarray:
    """Return zeros, with marks where lengths of 31 and 32 bits end, and at both ends."""
    array = np.zeros(nbytes, np.uint8)
    array[[0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, nbytes - 1]] = range(1, 7)
    return array


def marks(array: np.ndarray) -> tuple[int, list[int]]:
    places = np.flatnonzero(array)
    return len(array), [*places.tolist(), *array[places].tolist()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("direct", "option"),
    [(True, "--no-shared-memory"), (False, "--no-shared-memory"), (True, "--shared-memory")],
)
def test_a_value_of_5_gib_goes_everywhere(direct: bool, option: str) -> None:
    available = psutil.virtual_memory().available
    if available < NEEDED:
        pytest.skip(f"needs {NEEDED / GIB:.0f} GiB of memory, {available / GIB:.0f} are free")
    places = [0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, NBYTES - 1, 1, 2, 3, 4, 5, 6]
    with (
        running_cluster(2, option) as cluster,
        Client(cluster.address, direct_to_workers=direct) as client,
    ):
        data = client.scatter(marked(NBYTES), workers=["ada"], hash=False)
        assert client.submit(marks, data, workers=["bob"]).result() == (NBYTES, places)
        assert marks(data.result()) == (NBYTES, places)
