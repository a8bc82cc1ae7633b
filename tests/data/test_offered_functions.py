"""Python functions that are marked to be offered by name."""

from __future__ import annotations

import sys
import types

import pytest

from gdistributed.data.functions import load_function
from gdistributed.data.offered_functions import function, offered_function, offers_of
from gdistributed.errors import SerializationError, UsageError
from gdistributed.v1 import task_pb2, worker_pb2
from tests.languages import shop


def test_a_marked_function_is_still_itself() -> None:
    assert shop.price(100) == 125


def test_a_module_offers_the_functions_that_are_marked_in_it() -> None:
    price, unsayable = offers_of(["tests.languages.shop"])
    assert price == worker_pb2.FunctionOffer(
        name="shop.price", description="Price with tax.", accepts=["json"], version="2"
    )
    assert unsayable.name == "tests.languages.shop.unsayable"


def test_a_module_offers_those_that_it_has_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    front = types.ModuleType("front_of_shop")
    front.price = shop.price  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "front_of_shop", front)
    assert [offer.name for offer in offers_of(["front_of_shop"])] == ["shop.price"]


@pytest.mark.parametrize(
    ("module", "words"),
    [("no.such.module", "cannot be imported: ModuleNotFound"), ("json", "offers no function")],
)
def test_a_module_that_offers_nothing_is_named(module: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"{module}.*{words}"):
        offers_of([module])


def test_two_functions_of_one_name_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"two functions are called 'shop\.price'.*shop\.price and"
    ):

        @function(name="shop.price")
        def other() -> None: ...


def test_a_function_that_is_defined_again_takes_its_own_place() -> None:
    for value in (1, 2):

        @function(name="shop.again")
        def again(value: int = value) -> int:
            return value

    found = offered_function("shop.again")
    assert found is again
    assert again() == 2


def test_only_functions_are_marked() -> None:
    with pytest.raises(TypeError, match="only a function"):
        function(7)  # type: ignore[call-overload]


def test_a_function_of_another_runtime_is_none_of_python() -> None:
    message = task_pb2.Function(runtime="go", name="shop.price")
    with pytest.raises(SerializationError, match="runtime 'go', which this process does not run"):
        load_function(message)


def test_a_name_is_looked_up_among_them_first() -> None:
    message = task_pb2.Function(runtime="python", name="shop.price")
    assert load_function(message) is shop.price
