"""What this process is made of, as it says in hellos and to those who ask."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from gdistributed.settings import PROTOCOL_MAJOR, PROTOCOL_MINOR
from gdistributed.v1 import server_pb2
from gdistributed.version import __version__

PACKAGES = ("grpcio", "protobuf", "cloudpickle", "dask", "toolz", "numpy", "pandas")


@cache
def own_versions() -> dict[str, str]:
    """Return the versions that matter when processes differ, by name."""
    versions = {
        "python": platform.python_version(),
        "pickle": str(pickle.HIGHEST_PROTOCOL),
        "gdistributed": __version__,
    }
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def own_software(
    capabilities: Sequence[str] = (), required: Sequence[str] = ()
) -> server_pb2.Software:
    """Return what this process says of itself."""
    return server_pb2.Software(
        protocol_major=PROTOCOL_MAJOR,
        protocol_minor=PROTOCOL_MINOR,
        name="gdistributed-python",
        version=__version__,
        capabilities=capabilities,
        required=required,
        versions=own_versions(),
    )
