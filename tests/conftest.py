"""What all tests share."""

from __future__ import annotations

import pytest

from tests.tools import TOOLS, require


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """Path of the real grpcurl."""
    return require(TOOLS / "bin/grpcurl", "make test builds it (needs Go)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write down how the stories go."""
    parser.addoption(
        "--rewrite", action="store_true", help="write tests/stories anew, as the stories go now"
    )
