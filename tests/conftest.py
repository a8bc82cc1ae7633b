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


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of what checks metrics for Prometheus."""
    return require("promtool", "make test installs the package prometheus (as root)")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Path of the real Prometheus."""
    return require("prometheus", "make test installs the package prometheus (as root)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write down how the stories go."""
    parser.addoption(
        "--rewrite", action="store_true", help="write tests/stories anew, as the stories go now"
    )
