"""Functions that a worker in these tests offers by name."""

from __future__ import annotations

import gdistributed


@gdistributed.function(name="shop.price", accepts=["json"], version="2")
def price(net: float, rate: float = 0.25) -> float:
    """Price with tax.

    It is not rounded.
    """
    return net * (1 + rate)


@gdistributed.function
def unsayable(_: object = None) -> set[complex]:
    """A value that no neutral codec says."""
    return {1j}


def not_offered() -> None:
    """Is in the module, and not marked."""
