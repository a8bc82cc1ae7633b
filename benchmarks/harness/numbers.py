"""How figures look."""

from __future__ import annotations


def shown(figure: float) -> str:
    """Return a figure with about three digits that matter: 1,234 or 56.7 or 8.90."""
    if abs(figure) >= 99.95:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 9.995 else f"{figure:.2f}"
