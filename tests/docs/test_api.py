"""The API reference: it is fresh, everything in it has an example, and the examples are true."""

from __future__ import annotations

import asyncio
import doctest
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import gdistributed
from docs.generate_api import methods, page, public
from gdistributed import Client, LocalCluster
from tests.tools import ROOT


def documented() -> Iterator[tuple[str, Any]]:
    for name, value in public():
        yield name, value
        if inspect.isclass(value):
            yield from ((f"{name}.{method}", member) for method, member in methods(value))


NAMED = dict(documented())


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def names(cluster: LocalCluster) -> Iterator[dict[str, Any]]:
    """What examples may name."""
    import numpy as np

    with Client(cluster) as client:
        named = {name: getattr(gdistributed, name) for name in gdistributed.__all__}
        yield {
            **named,
            "asyncio": asyncio,
            "np": np,
            "cluster": cluster,
            "client": client,
            "address": cluster.scheduler_address,
        }


def test_the_page_is_fresh() -> None:
    assert (ROOT / "docs" / "api.md").read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("name", [n for n, each in NAMED.items() if not isinstance(each, property)])
def test_everything_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(NAMED[name]) or "")


def with_examples() -> list[str]:
    parse = doctest.DocTestParser().get_examples
    return [name for name, each in NAMED.items() if parse(inspect.getdoc(each) or "")]


@pytest.mark.parametrize("name", with_examples())
def test_examples_are_true(name: str, names: dict[str, Any]) -> None:
    text = inspect.getdoc(NAMED[name]) or ""
    told: list[str] = []
    test = doctest.DocTestParser().get_doctest(text, dict(names), name, None, None)
    result = doctest.DocTestRunner().run(test, out=told.append)
    assert not result.failed, "".join(told)
