"""The protocol's files: commented throughout, and all that is generated from them is fresh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from grpc import StatusCode

from docs.generate_protocol import File, anchor, page, read_files
from tests.house.source import ROOT
from tests.tools import TOOLS, require

STUBS = ROOT / "gdistributed/v1"
WRITTEN_BY_HAND = {"__init__.py"}

# gRPC itself says UNIMPLEMENTED of a call that is not served, so that one comes without a reason.
ERROR_LINE = re.compile(r"- (?:([A-Z_]+) \([A-Z][A-Z0-9_]*\): \S|(UNIMPLEMENTED) without )")


def named_parts(file: File) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and address of everything in a `.proto` file that needs a comment."""
    yield file.name, (2,)
    for entry in [*file.services(), *file.messages(), *file.enums()]:
        yield entry.name, entry.address
        match entry.definition:
            case ServiceDescriptorProto(method=methods):
                parts = [(2, methods)]
            case EnumDescriptorProto(value=values):
                parts = [(2, values)]
            case DescriptorProto(field=fields, oneof_decl=oneofs):
                optional = sum(field.proto3_optional for field in fields)
                parts = [(2, fields), (8, oneofs[: len(oneofs) - optional])]
        for kind, members in parts:
            for index, member in enumerate(members):
                yield f"{entry.name}.{member.name}", (*entry.address, kind, index)


def uncommented(file: File) -> list[str]:
    return [name for name, address in named_parts(file) if not file.comment(*address)]


def faults_of_errors(name: str, comment: str) -> Iterator[str]:
    _, said, errors = comment.partition("\nErrors:")
    if not said:
        yield f"{name} does not list its errors"
    for line in re.findall(r"^- .*", errors, re.MULTILINE):
        match = ERROR_LINE.match(line)
        if match is None or (match[1] or match[2]) not in StatusCode.__members__:
            yield f"{name}: not like '- CODE (REASON): when': {line}"


def test_everything_is_commented() -> None:
    assert [name for file in read_files() for name in uncommented(file)] == []


def test_every_call_lists_its_errors() -> None:
    comments = [pair for file in read_files() for pair in file.calls()]
    assert comments
    assert [fault for pair in comments for fault in faults_of_errors(*pair)] == []


def test_a_planted_gap_is_found() -> None:
    definition = FileDescriptorProto(name="x.proto", package="gdistributed.v1")
    definition.message_type.add(name="M").field.add(name="f")
    definition.enum_type.add(name="E").value.add(name="E_UNSPECIFIED")
    definition.service.add(name="S").method.add(name="Call")
    every = ["x.proto", "S", "S.Call", "M", "M.f", "E", "E.E_UNSPECIFIED"]
    assert uncommented(File(definition)) == every
    definition.source_code_info.location.add(path=[4, 0, 2, 0], leading_comments=" f says it.\n")
    assert uncommented(File(definition)) == [name for name in every if name != "M.f"]


@pytest.mark.parametrize(
    "comment",
    ["Call calls.", "Call calls.\n\nErrors:\n- NOT_FOUND: x", "\nErrors:\n- WRONG (X): x"],
)
def test_a_planted_call_without_errors_is_found(comment: str) -> None:
    assert list(faults_of_errors("S.Call", comment))


def test_stubs_are_fresh(tmp_path: Path) -> None:
    python = require(TOOLS / "proto/bin/python", "make test installs it")
    subprocess.run([python, ROOT / "proto/generate.py", "--output", tmp_path], check=True)
    fresh = {path.name: path.read_bytes() for path in (tmp_path / "gdistributed/v1").iterdir()}
    committed = {p.name: p.read_bytes() for p in STUBS.iterdir() if p.is_file()}
    assert committed.keys() - WRITTEN_BY_HAND == fresh.keys()
    stale = [name for name, text in fresh.items() if committed[name] != text]
    assert stale == [], "run: make proto"


def test_the_go_stubs_are_fresh(tmp_path: Path) -> None:
    python = require(TOOLS / "proto/bin/python", "make test installs it")
    require(TOOLS / "bin/protoc-gen-go-grpc", "make test builds it (needs Go)")
    generate = [python, ROOT / "proto/generate.py", "--language", "go", "--output", tmp_path]
    subprocess.run(generate, check=True)
    generated = "workers/go/gen"
    fresh = {path.name: path.read_bytes() for path in (tmp_path / generated).rglob("*.go")}
    committed = {path.name: path.read_bytes() for path in (ROOT / generated).rglob("*.go")}
    assert committed == fresh, "run: make proto-go"


def test_the_types_of_typescript_are_generated(tmp_path: Path) -> None:
    python = require(TOOLS / "proto/bin/python", "make test installs it")
    require(ROOT / "workers/typescript/node_modules/.bin/tsc", "make test installs it (needs npm)")
    generate = [python, ROOT / "proto/generate.py", "--language", "typescript"]
    subprocess.run([*generate, "--output", tmp_path], check=True)
    types = tmp_path / "workers/typescript/src/gen/gdistributed/v1"
    assert "'worker_id'?: (string);" in (types / "WorkerHello.ts").read_text()


PLUGIN = """#!{python}
import sys
from google.protobuf.compiler import plugin_pb2
request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
answer = plugin_pb2.CodeGeneratorResponse(supported_features=1)
answer.file.add(name="{name}.txt", content="\\n".join(request.file_to_generate))
sys.stdout.buffer.write(answer.SerializeToString())
"""


def test_any_language_with_a_plugin_is_generated(tmp_path: Path) -> None:
    python = require(TOOLS / "proto/bin/python", "make test installs it")
    for name in ("toy", "grpc-toy"):
        plugin = tmp_path / f"protoc-gen-{name}"
        plugin.write_text(PLUGIN.format(python=python, name=name))
        plugin.chmod(0o755)
    generate = [python, ROOT / "proto/generate.py", "--output", tmp_path, "--language"]
    environment = os.environ | {"PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]])}
    subprocess.run([*generate, "toy"], check=True, env=environment)
    for name in ("toy", "grpc-toy"):
        made = (tmp_path / f"build/proto/toy/{name}.txt").read_text()
        assert "gdistributed/v1/worker.proto" in made.splitlines()
    lacking = subprocess.run([*generate, "lojban"], capture_output=True, text=True, check=False)
    assert lacking.returncode == 1
    assert lacking.stderr.startswith("protoc-gen-lojban is not on PATH")


def test_the_page_is_fresh() -> None:
    committed = (ROOT / "docs/protocol.md").read_text()
    assert committed == page(read_files()), "run: make docs"


def test_the_links_of_the_page_lead_somewhere() -> None:
    text = page(read_files())
    anchors = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(anchors)


def test_generated_code_runs_without_a_warning() -> None:
    modules = sorted(f"gdistributed.v1.{path.stem}" for path in STUBS.glob("*_pb2*.py"))
    assert modules
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    subprocess.run([sys.executable, "-W", "error", "-c", program, *modules], check=True)
