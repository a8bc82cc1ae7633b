"""Generate everything that follows from the `.proto` files (`make proto` runs this).

    python proto/generate.py [--language python|go] [--output DIRECTORY]

For Python: the messages, the gRPC stubs, the types of both, and `gdistributed.protoset` (the
descriptors with their comments) in `DIRECTORY/gdistributed/v1`; the directory is this repository
unless told otherwise. Needs the packages of `proto/requirements.txt`. For Go: the messages and the
gRPC stubs, in `DIRECTORY/workers/go/gen`; needs protoc-gen-go and protoc-gen-go-grpc on PATH or in
`.tools/bin`, where make puts them.
Another language is one more function in `LANGUAGES`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
PACKAGE = "gdistributed/v1"


def sources() -> list[str]:
    return sorted(str(path) for path in (PROTO / PACKAGE).glob("*.proto"))


def run_protoc(files: list[str], *options: str) -> None:
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    if protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *options, *files]):
        sys.exit("protoc refused the .proto files, see above")


def has_service(file: str) -> bool:
    return any(line.startswith("service ") for line in Path(file).read_text().splitlines())


def generate_python(output: Path) -> None:
    files = sources()
    target = output / PACKAGE
    target.mkdir(parents=True, exist_ok=True)
    for stale in [*target.glob("*_pb2*"), *target.glob("*.protoset")]:
        stale.unlink()
    run_protoc(
        files,
        f"--python_out={output}",
        f"--mypy_out=quiet:{output}",
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={target / 'gdistributed.protoset'}",
    )
    run_protoc(
        [file for file in files if has_service(file)],
        f"--grpc_python_out={output}",
        f"--mypy_grpc_out=quiet:{output}",
    )


def generate_go(output: Path) -> None:
    target = output / "workers/go/gen"
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.rglob("*.pb.go"):
        stale.unlink()
    run_protoc(
        sources(),
        f"--go_out={target}",
        "--go_opt=paths=source_relative",
        f"--go-grpc_out={target}",
        "--go-grpc_opt=paths=source_relative",
    )


LANGUAGES: dict[str, Callable[[Path], None]] = {"python": generate_python, "go": generate_go}


def main() -> None:
    arguments = argparse.ArgumentParser(description="Generate code from the .proto files.")
    arguments.add_argument("--language", choices=LANGUAGES, default="python")
    arguments.add_argument("--output", type=Path, default=PROTO.parent)
    chosen = arguments.parse_args()
    # protoc looks for its plugins (protoc-gen-mypy, protoc-gen-go) on PATH.
    plugins = [str(Path(sys.executable).parent), str(PROTO.parent / ".tools/bin")]
    os.environ["PATH"] = os.pathsep.join([*plugins, os.environ["PATH"]])
    LANGUAGES[chosen.language](chosen.output)


if __name__ == "__main__":
    main()
