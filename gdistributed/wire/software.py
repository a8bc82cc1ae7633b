"""What this process is made of, as it says in hellos and to those who ask."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Sequence
from functools import cache

from gdistributed.installed import installed_versions
from gdistributed.settings import PROTOCOL_MAJOR, PROTOCOL_MINOR
from gdistributed.v1 import server_pb2
from gdistributed.version import __version__

PACKAGES = ("grpcio", "protobuf", "cloudpickle", "dask", "toolz", "numpy", "pandas")


@cache
def own_versions() -> dict[str, str]:
    """Return the versions that matter when processes differ, by name."""
    installed = installed_versions()
    return {
        "python": platform.python_version(),
        "pickle": str(pickle.HIGHEST_PROTOCOL),
        "gdistributed": __version__,
        **{name: installed[name] for name in PACKAGES if name in installed},
    }


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
