"""Generate everything that follows from the `.proto` files (`make proto` runs this).

    python proto/generate.py [--language NAME] [--output DIRECTORY]

DIRECTORY is this repository unless told otherwise; `make proto` has what is needed.

- python (the default): the messages, the gRPC stubs, the types of both, and `gdistributed.protoset`
  (the descriptors with their comments), in `gdistributed/v1`. Needs `proto/requirements.txt`.
- go: the messages and the gRPC stubs, in `workers/go/gen`. Needs protoc-gen-go and
  protoc-gen-go-grpc on PATH or in `.tools/bin`, where make puts them.
- typescript: the types alone, in `workers/typescript/src/gen`, since @grpc/proto-loader reads the
  `.proto` files at run time. Needs npm, and `npm ci` in `workers/typescript`.
- r: nothing, and says why.
- any other: whatever protoc's plugin of that language makes, in `build/proto/NAME`. Needs
  protoc-gen-NAME on PATH; where protoc-gen-grpc-NAME is there too, it makes the stubs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
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


def generate_typescript(output: Path) -> None:
    target = output / "workers/typescript/src/gen"
    folder, environment = PROTO.parent / "workers/typescript", os.environ | {"OUT_DIR": str(target)}
    if subprocess.run(["npm", "run", "--silent", "types"], cwd=folder, env=environment).returncode:
        sys.exit("npm could not generate the types, see above")


def explain_r(_output: Path) -> None:
    print(
        "nothing to generate for R: workers/r speaks lines of JSON below a Python worker, and the "
        "package RProtoBuf reads the .proto files themselves"
    )


def generate_by_plugins(language: str, output: Path) -> None:
    if shutil.which(f"protoc-gen-{language}") is None:
        sys.exit(f"protoc-gen-{language} is not on PATH: install protoc's plugin of that language")
    target = output / "build/proto" / language
    target.mkdir(parents=True, exist_ok=True)
    run_protoc(sources(), f"--{language}_out={target}")
    if shutil.which(f"protoc-gen-grpc-{language}"):
        run_protoc(sources(), f"--grpc-{language}_out={target}")


LANGUAGES: dict[str, Callable[[Path], None]] = {
    "python": generate_python,
    "go": generate_go,
    "typescript": generate_typescript,
    "r": explain_r,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description="Generate code from the .proto files.")
    arguments.add_argument("--language", default="python")
    arguments.add_argument("--output", type=Path, default=PROTO.parent)
    chosen = arguments.parse_args()
    # protoc looks for its plugins (protoc-gen-mypy, protoc-gen-go) on PATH.
    plugins = [str(Path(sys.executable).parent), str(PROTO.parent / ".tools/bin")]
    os.environ["PATH"] = os.pathsep.join([*plugins, os.environ["PATH"]])
    LANGUAGES.get(chosen.language, partial(generate_by_plugins, chosen.language))(chosen.output)


if __name__ == "__main__":
    main()
