"""Write docs/protocol.md from the comments in the `.proto` files (`make docs` runs this).

    python -m docs.generate_protocol [--output FILE]

Reads `gdistributed/v1/gdistributed.protoset`, so run `make proto` first if a `.proto` has changed.
Comments are Markdown and go through unchanged, except in table cells, where they become one line.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

ROOT = Path(__file__).resolve().parent.parent
PROTOSET = ROOT / "gdistributed/v1/gdistributed.protoset"
PACKAGE = "gdistributed.v1"

# First the conversations, then the words that they share; files that are not named come last.
READING_ORDER = (
    *("scheduler", "worker", "center", "names", "nanny", "extensions", "server", "handlers"),
    "task",
)

INTRODUCTION = """\
# The protocol

<!-- Generated from the comments in proto/gdistributed/v1 by `make docs`. Do not edit. -->

All conversations of gdistributed, as defined in `proto/gdistributed/v1/*.proto`, package
`gdistributed.v1`. What stands here is all that a worker, a client or a tool in another language has
to know; MUST, SHOULD and MAY are meant as in RFC 2119. Generate code from the `.proto` files, ask
a running server (`grpcurl -plaintext ADDRESS list`), or give a tool the descriptors that come with
the Python package: `gdistributed/v1/gdistributed.protoset`.
"""

# The numbers that descriptor.proto gives to the parts of a file: a comment has an address of them.
PACKAGE_LINE, MESSAGES, ENUMS, SERVICES = 2, 4, 5, 6
FIELDS, NESTED_MESSAGES, NESTED_ENUMS, ONEOFS = 2, 3, 4, 8
METHODS = 2
VALUES = 2

Address = tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A definition with the name it has in the package and its comment."""

    name: str
    address: Address
    comment: str
    definition: DescriptorProto | EnumDescriptorProto | ServiceDescriptorProto


class File:
    """A `.proto` file: its definitions and their comments."""

    def __init__(self, definition: FileDescriptorProto) -> None:
        self.definition = definition
        self.name = definition.name.rpartition("/")[2]
        self.comments: dict[Address, str] = {}
        for location in definition.source_code_info.location:
            text = location.leading_comments or location.trailing_comments
            if text.strip():
                self.comments[tuple(location.path)] = plain(text)

    def comment(self, *address: int) -> str:
        return self.comments.get(address, "")

    def services(self) -> Iterator[Entry]:
        for index, service in enumerate(self.definition.service):
            yield self._entry(service.name, (SERVICES, index), service)

    def calls(self) -> Iterator[tuple[str, str]]:
        """Yield each rpc as `Service.Call`, with its comment."""
        for service in self.services():
            assert isinstance(service.definition, ServiceDescriptorProto)
            for index, rpc in enumerate(service.definition.method):
                comment = self.comment(*service.address, METHODS, index)
                yield f"{service.name}.{rpc.name}", comment

    def messages(self) -> Iterator[Entry]:
        """Yield the messages, each before those nested in it; without the entries of maps."""
        for index, message in enumerate(self.definition.message_type):
            yield from self._with_nested(message, (MESSAGES, index), "")

    def enums(self) -> Iterator[Entry]:
        for index, enum in enumerate(self.definition.enum_type):
            yield self._entry(enum.name, (ENUMS, index), enum)
        for outer in self.messages():
            assert isinstance(outer.definition, DescriptorProto)
            for index, enum in enumerate(outer.definition.enum_type):
                address = (*outer.address, NESTED_ENUMS, index)
                yield self._entry(f"{outer.name}.{enum.name}", address, enum)

    def _with_nested(
        self, message: DescriptorProto, address: Address, prefix: str
    ) -> Iterator[Entry]:
        yield self._entry(prefix + message.name, address, message)
        for index, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                inside = (*address, NESTED_MESSAGES, index)
                yield from self._with_nested(nested, inside, f"{prefix}{message.name}.")

    def _entry(
        self,
        name: str,
        address: Address,
        definition: DescriptorProto | EnumDescriptorProto | ServiceDescriptorProto,
    ) -> Entry:
        return Entry(name, address, self.comment(*address), definition)


def plain(comment: str) -> str:
    """Return what a comment says to people: no blank after each `//`, no lines for buf."""
    lines = (line.removeprefix(" ").rstrip() for line in comment.splitlines())
    return "\n".join(line for line in lines if not line.startswith("buf:lint:ignore")).strip()


def read_files(protoset: Path = PROTOSET) -> list[File]:
    """Read our files from a descriptor set, in reading order."""
    described = FileDescriptorSet.FromString(protoset.read_bytes())
    files = [File(file) for file in described.file if file.package == PACKAGE]
    order = [f"{name}.proto" for name in READING_ORDER]
    return sorted(files, key=lambda file: (*order, file.name).index(file.name))


# ---- Markdown


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading: str, text: str) -> str:
    return f"[{text}](#{anchor(heading)})"


def cell(text: str) -> str:
    """Fold a comment into one line, which is all that a cell of a table can hold."""
    text = re.sub(r"\n+\s*[-*] ", "<br>• ", text)
    text = re.sub(r"\n\n+", "<br>", text)
    return text.replace("\n", " ").replace("|", "\\|")


def table(*rows: tuple[str, ...]) -> str:
    header, *body = rows
    lines = [header, tuple("---" for _ in header), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def summary(comment: str) -> str:
    """Return the first sentence of a comment."""
    paragraph = comment.split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=\.)\s", paragraph)[0]


# ---- The page


def type_name(full_name: str) -> tuple[str, str]:
    """Return the shown name of a message or enum type, and its link."""
    name = full_name.removeprefix(".")
    if not name.startswith(PACKAGE + "."):
        return name, f"`{name}`"
    short = name.removeprefix(PACKAGE + ".")
    return short, link(short, f"`{short}`")


def field_type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    if not field.type_name:
        shown = f"`{FieldDescriptorProto.Type.Name(field.type).removeprefix('TYPE_').lower()}`"
    else:
        short, shown = type_name(field.type_name)
        for nested in message.nested_type:
            if nested.options.map_entry and short.rpartition(".")[2] == nested.name:
                key, value = (field_type(part, nested) for part in nested.field)
                return f"map of {key} to {value}"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {shown}"
    return f"optional {shown}" if field.proto3_optional else shown


def rpc_part(file: File, service: Entry, index: int, rpc: MethodDescriptorProto) -> str:
    def side(type_: str, stream: bool) -> str:
        return ("stream of " if stream else "") + type_name(type_)[1]

    request = side(rpc.input_type, rpc.client_streaming)
    response = side(rpc.output_type, rpc.server_streaming)
    comment = file.comment(*service.address, METHODS, index)
    return f"#### {service.name}.{rpc.name}\n\n{request} → {response}\n\n{comment}\n"


def service_part(file: File, service: Entry) -> str:
    assert isinstance(service.definition, ServiceDescriptorProto)
    rpcs = [rpc_part(file, service, i, rpc) for i, rpc in enumerate(service.definition.method)]
    return "\n".join([f"### Service {service.name}\n\n{service.comment}\n", *rpcs])


def message_part(file: File, message: Entry) -> str:
    definition = message.definition
    assert isinstance(definition, DescriptorProto)
    parts = [f"### {message.name}\n", message.comment + "\n"]
    rows = []
    for index, field in enumerate(definition.field):
        meaning = cell(file.comment(*message.address, FIELDS, index))
        if field.options.deprecated:
            meaning = f"**Deprecated.** {meaning}"
        if field.HasField("oneof_index") and not field.proto3_optional:
            meaning = f"*{definition.oneof_decl[field.oneof_index].name}:* {meaning}"
        rows.append((str(field.number), f"`{field.name}`", field_type(field, definition), meaning))
    if rows:
        parts.append(table(("No.", "Field", "Type", "Meaning"), *rows))
    parts.extend(oneof_parts(file, message, definition))
    if reserved := reserved_names(definition):
        parts.append(f"Reserved: {reserved}.\n")
    return "\n".join(parts)


def oneof_parts(file: File, message: Entry, definition: DescriptorProto) -> Iterator[str]:
    for index, oneof in enumerate(definition.oneof_decl):
        members = [field for field in definition.field if field.HasField("oneof_index")]
        members = [field for field in members if field.oneof_index == index]
        if not members[0].proto3_optional:
            names = ", ".join(f"`{field.name}`" for field in members)
            comment = file.comment(*message.address, ONEOFS, index)
            yield f"*{oneof.name}*, at most one of {names}: {comment}\n"


def reserved_names(definition: DescriptorProto | EnumDescriptorProto) -> str:
    # A message's range ends before `end`, an enum's with it.
    last = 0 if isinstance(definition, EnumDescriptorProto) else 1
    ranges = [(part.start, part.end - last) for part in definition.reserved_range]
    numbers = [str(first) if first == end else f"{first} to {end}" for first, end in ranges]
    return ", ".join([*numbers, *(f"`{name}`" for name in definition.reserved_name)])


def enum_part(file: File, enum: Entry) -> str:
    assert isinstance(enum.definition, EnumDescriptorProto)
    rows = [
        (str(value.number), f"`{value.name}`", cell(file.comment(*enum.address, VALUES, index)))
        for index, value in enumerate(enum.definition.value)
    ]
    parts = [f"### {enum.name}\n", enum.comment + "\n", table(("No.", "Value", "Meaning"), *rows)]
    if reserved := reserved_names(enum.definition):
        parts.append(f"Reserved: {reserved}.\n")
    return "\n".join(parts)


def contents(files: list[File]) -> str:
    lines = ["## Contents\n", "Services and their calls:\n"]
    for file in files:
        for service in file.services():
            assert isinstance(service.definition, ServiceDescriptorProto)
            calls = (rpc.name for rpc in service.definition.method)
            links = ", ".join(link(f"{service.name}.{call}", call) for call in calls)
            heading = link(f"Service {service.name}", f"**{service.name}**")
            lines.append(f"- {heading}: {summary(service.comment)}<br>{links}")
    lines.append("\nMessages and enums, without the requests and responses of the calls:\n")
    for file in files:
        names = sorted(entry.name for part in (file.messages(), file.enums()) for entry in part)
        names = [name for name in names if not name.endswith(("Request", "Response"))]
        links = ", ".join(link(name, name) for name in names)
        lines.append(f"- {link(file.name, f'**{file.name}**')}: {links}")
    return "\n".join(lines) + "\n"


def file_part(file: File) -> str:
    return "\n".join(
        [
            f"## {file.name}\n\n{file.comment(PACKAGE_LINE)}\n",
            *(service_part(file, service) for service in file.services()),
            *(message_part(file, message) for message in file.messages()),
            *(enum_part(file, enum) for enum in file.enums()),
        ]
    )


def page(files: list[File]) -> str:
    """Return the whole of docs/protocol.md."""
    parts = [INTRODUCTION, contents(files), *map(file_part, files)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write docs/protocol.md.")
    arguments.add_argument("--output", type=Path, default=ROOT / "docs/protocol.md")
    arguments.parse_args().output.write_text(page(read_files()))


if __name__ == "__main__":
    main()
