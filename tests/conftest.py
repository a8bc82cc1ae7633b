"""What all tests share."""

from __future__ import annotations

import pytest

from tests.tools import TOOLS, require


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """Path of the real grpcurl."""
    return require(TOOLS / "bin/grpcurl", "make test builds it (needs Go)")
