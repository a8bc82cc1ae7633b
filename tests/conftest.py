"""What all tests share."""

from __future__ import annotations

import hypothesis
import pytest

from tests.tools import TOOLS, require

# How long an example takes says more about the machine than about us.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """Path of the real grpcurl."""
    return require(TOOLS / "bin/grpcurl", "make test builds it (needs Go)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write down how the stories go."""
    parser.addoption(
        "--rewrite", action="store_true", help="write tests/stories anew, as the stories go now"
    )
