"""`--json`, the same for all commands: objects of JSON, each on a line of its own.

What is one thing is one line, what is a list is a line for each. Fields have the names of the
protocol, and all of them are there. As in JSON of protobuf everywhere, whole numbers of 64 bits are
strings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from google.protobuf.message import Message

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, one object a line, with the names of the protocol.",
)


def as_dict(message: Message) -> dict[str, Any]:
    """Return a message as JSON has it."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def print_object(fields: dict[str, Any]) -> None:
    """Print one line."""
    import json

    click.echo(json.dumps(fields, ensure_ascii=False))
