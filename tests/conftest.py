"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.tools import TOOLS, require

# How long an example takes says more about the machine than about us.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """Path of the real grpcurl."""
    return require(TOOLS / "bin/grpcurl", "make test builds it (needs Go)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write down how the stories go."""
    parser.addoption(
        "--rewrite", action="store_true", help="write tests/stories anew, as the stories go now"
    )
