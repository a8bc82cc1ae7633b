"""What may be written for options that have a form of their own."""

from __future__ import annotations

import click
import pytest

from gdistributed.cli.options import Runtime


def test_a_runtime_is_a_name_and_a_command() -> None:
    assert Runtime().convert("r=Rscript a=b.R", None, None) == ("r", "Rscript a=b.R")


@pytest.mark.parametrize("written", ["toy", "=x", "toy=", "Toy=x", "python=python3 x.py"])
def test_what_is_none_is_refused(written: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not NAME=COMMAND|Python runs in the worker"):
        Runtime().convert(written, None, None)
