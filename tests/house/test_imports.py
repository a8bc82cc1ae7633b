"""Imports go one way: who may import whom, and what the core may not touch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.house.source import Import, Module, package_modules

# The floors of the house, from the ground up. A room may import the floors below its own, unless
# ONLY says otherwise, and never another room of its own floor, unless ALSO says otherwise.
FLOORS = (
    ("v1", "errors", "grpc_polling", "installed", "plugins", "security", "settings", "version"),
    ("core",),
    ("sim", "wire", "data", "observe"),
    ("runtime",),
    ("services", "client"),
    ("dashboard", "deploy", "conformance", "testing"),
    ("cli",),
    ("__main__",),
)
GROUND = FLOORS[0]
ONLY = {
    "wire": (*GROUND, "core.outbox", "core.session"),
    "runtime": (*GROUND, "data"),
    "client": (*GROUND, "core", "wire", "data", "observe", "runtime.context"),
    "conformance": (*GROUND, "wire", "data.offered_functions"),  # a judge from outside
    "dashboard": (*GROUND, "wire", "observe"),  # a client of the protocol and nothing else
}
ALSO = {
    "deploy": ("dashboard",),  # a local cluster shows itself
    "testing": ("deploy",),
    "grpc_polling": ("installed",),
    "security": ("errors", "settings"),
}
JOINS_CLIENT_AND_SERVICES = ("", "deploy", "cli")  # "" is the front door

IMPURE = {
    *("asyncio", "concurrent", "multiprocessing", "subprocess", "threading"),
    *("grpc", "select", "selectors", "socket"),
    *("logging", "os", "secrets", "signal", "time", "uuid"),
}


Rule = Callable[[Module], Iterator[str]]


def room_of(module: str) -> str:
    """Return the room of one of our modules; "" for the front door, `gdistributed` itself."""
    return module.partition(".")[2].partition(".")[0]


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == "gdistributed"


def allowed(room: str) -> tuple[str, ...]:
    """Return the rooms, or parts of rooms, that a room may import beside itself."""
    floor = next(n for n, rooms in enumerate(FLOORS) if room in rooms)
    below = tuple(name for rooms in FLOORS[:floor] for name in rooms)
    return (*ONLY.get(room, below), *ALSO.get(room, ()))


def is_within(target: str, part: str) -> bool:
    return f"{target}.".startswith(f"gdistributed.{part}.")


def against_the_floors(module: Module) -> Iterator[str]:
    room = room_of(module.name)
    for found in module.imports():
        leaves_room = room and is_ours(found.module) and room_of(found.target) != room
        if leaves_room and not any(is_within(found.target, part) for part in allowed(room)):
            yield f"{module.name}:{found.line} imports {found.target}"


def joined_rooms(module: Module) -> Iterator[str]:
    rooms = {room_of(found.target) for found in module.imports() if is_ours(found.module)}
    if {"client", "services"} <= rooms and room_of(module.name) not in JOINS_CLIENT_AND_SERVICES:
        yield f"{module.name} joins client and services"


def impure(module: Module) -> Iterator[str]:
    if room_of(module.name) != "core":
        return
    for found in module.imports():
        top = found.module.partition(".")[0]
        is_random = top == "random" and (found.module, found.name) != ("random", "Random")
        is_foreign = top not in sys.stdlib_module_names and not is_ours(top)
        if top in IMPURE or is_random or (is_foreign and top != "google"):
            yield f"{module.name}:{found.line} imports {found.target}"


def imports_of_a_brain(module: Module) -> Iterator[str]:
    """Yield where a file of a brain's room imports the brain, other than for types."""
    brain = f"{module.package}.brain"
    for found in module.imports():
        reaches_brain = is_within(found.target, brain.partition(".")[2])
        if reaches_brain and module.name != brain and not found.only_for_types:
            yield f"{module.name}:{found.line} imports its brain"


def private_names(module: Module) -> Iterator[str]:
    for found in module.imports():
        if is_ours(found.module) and any(is_private(part) for part in found.target.split(".")):
            yield f"{module.name}:{found.line} imports {found.target}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


RULES = (against_the_floors, joined_rooms, impure, imports_of_a_brain, private_names)


@pytest.mark.parametrize("rule", RULES)
def test_imports_go_one_way(rule: Rule) -> None:
    assert [broken for module in package_modules() for broken in rule(module)] == []


def test_every_room_has_a_floor() -> None:
    known = {room for floor in FLOORS for room in floor}
    assert {room_of(module.name) for module in package_modules()} - known <= {""}


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (against_the_floors, "core.session", "from gdistributed.wire import link"),
        (against_the_floors, "core.session", "from gdistributed import wire"),
        (against_the_floors, "core.session", "def f():\n    import gdistributed.data.sizes"),
        (against_the_floors, "wire.link", "from gdistributed.core.scheduler import brain"),
        (against_the_floors, "wire.link", "from ..data import sizes"),
        (against_the_floors, "client.future", "from gdistributed.runtime.threads import Threads"),
        (against_the_floors, "client.future", "from gdistributed.services import worker"),
        (against_the_floors, "errors", "from gdistributed import settings, client"),
        (joined_rooms, "testing", "from gdistributed import client, services"),
        (impure, "core.session", "import time"),
        (impure, "core.session", "from random import choice"),
        (impure, "core.session", "import random"),
        (impure, "core.session", "from dask import order"),
        (imports_of_a_brain, "core.worker.memory", "from gdistributed.core.worker.brain import B"),
        (imports_of_a_brain, "core.worker.memory", "from . import brain"),
        (private_names, "wire.link", "from gdistributed.core.session import _secret"),
    ],
)
def test_a_planted_import_is_found(rule: Rule, name: str, text: str) -> None:
    assert list(rule(Module(f"gdistributed.{name}", text)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("core.session", "from random import Random"),
        ("core.session", "from gdistributed.v1 import task_pb2"),
        ("core.worker.memory", "if TYPE_CHECKING:\n    from .brain import WorkerBrain"),
        ("core.worker.brain", "from gdistributed.core.worker import memory"),
        ("wire.link", "from gdistributed.core.session import Session"),
        ("wire.link", "import grpc, time"),
        ("client.future", "from gdistributed.runtime.context import get_client"),
        ("cli.main", "from gdistributed import client, services"),
        ("version", "from gdistributed.version import __version__"),
    ],
)
def test_an_honest_import_is_not(name: str, text: str) -> None:
    module = Module(f"gdistributed.{name}", text)
    assert [broken for rule in RULES for broken in rule(module)] == []


def test_imports_are_read_as_python_means_them() -> None:
    text = "from . import sizes\nfrom ..core import outbox\nimport a.b"
    found = [(i.module, i.name) for i in Module("gdistributed.data.transfer", text).imports()]
    assert found == [("gdistributed.data", "sizes"), ("gdistributed.core", "outbox"), ("a.b", "")]
    inside = Module("gdistributed.data", "from .sizes import sizeof", is_package=True)
    assert list(inside.imports()) == [Import("gdistributed.data.sizes", "sizeof", 1, False)]
