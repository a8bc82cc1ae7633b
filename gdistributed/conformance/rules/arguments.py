"""Rules on arguments: literals, results of other tasks, and results inside JSON."""

from __future__ import annotations

from typing import Final

from gdistributed.conformance.rule import Theme, expect_equal
from gdistributed.conformance.stage import Stage
from gdistributed.conformance.values import payload_of, result_of
from gdistributed.v1 import value_pb2, worker_pb2

THEME: Final = Theme("arguments", "arguments reach the function as they are meant")


async def echoes(stage: Stage, value: object) -> None:
    """Check that a literal comes back from `conformance.echo`."""
    expect_equal(await stage.value(stage.run("echo", value)), value, "the value")


def with_value(key: str, value: object) -> worker_pb2.Dependency:
    """Return a dependency whose value rides along."""
    payload = payload_of(value)
    return worker_pb2.Dependency(
        key=key, nbytes=len(payload.data), holders=[1], value=payload.SerializeToString()
    )


@THEME.core("Payload", '"" or "null": no value (Python None, Go nil, R NULL); `data` is empty.')
async def null(stage: Stage) -> None:
    """A literal without a value goes to the function and back."""
    await echoes(stage, None)


@THEME.core("Payload", '"raw": bytes as they are.')
async def raw(stage: Stage) -> None:
    """Bytes go to the function and back."""
    await echoes(stage, bytes(range(256)))


@THEME.core("Payload", '"text": UTF-8 text.')
async def text(stage: Stage) -> None:
    """Text goes to the function and back, whatever script it is in."""
    await echoes(stage, "zwei\nZeilen, ü, 漢字, 🙂")


@THEME.core("Payload", '"json": JSON by RFC 8259.')
async def json(stage: Stage) -> None:
    """Plain data goes to the function and back: truth values, numbers, lists and objects."""
    for value in (True, [], [1, -0.5, "a", None, False], {"a": {"b": [1, 2]}, "": ""}):
        await echoes(stage, value)


@THEME.core("Payload", "A number without fraction or exponent is an integer.")
async def integers(stage: Stage) -> None:
    """An integer comes back as one, and not as a number with a fraction."""
    for value in (0, -7, 2**40):
        await echoes(stage, value)


@THEME.core("Argument", "Positional arguments come first.")
async def in_order(stage: Stage) -> None:
    """Several arguments reach the function in their order."""
    run = stage.run("list", 3, "b", None, [1])
    expect_equal(await stage.value(run), [3, "b", None, [1]], "the list of arguments")


@THEME.core("Argument", "key: the whole argument is the result of this task.")
async def results_of_tasks(stage: Stage) -> None:
    """An argument that names a dependency is its result; here the value rides along."""
    key = stage.new_key()
    run = stage.run("list", "before", result_of(key), dependencies=[with_value(key, {"x": [1]})])
    expect_equal(await stage.value(run), ["before", {"x": [1]}], "the list of arguments")


@THEME.core(
    "Payload",
    'The object {"$ref": "KEY"} stands for the result of the task KEY, which MUST then be listed '
    "in "
    "`refs`.",
)
async def results_inside_json(stage: Stage) -> None:
    """In a JSON literal each object that names a key in `refs` is replaced by its result."""
    number, text = stage.new_key(), stage.new_key()
    literal = payload_of([1, {"a": {"$ref": number}, "b": [{"$ref": text}]}], refs=[number, text])
    dependencies = [with_value(number, 7), with_value(text, "seven")]
    argument = value_pb2.Argument(literal=literal)
    run = stage.run("echo", argument, dependencies=dependencies)
    expect_equal(await stage.value(run), [1, {"a": 7, "b": ["seven"]}], "the value")
