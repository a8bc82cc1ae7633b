"""Both ends of GetData and PutData: values between workers, and between clients and workers."""

from __future__ import annotations

from gdistributed.data.transfer.fetching import Parts, fetch, fetch_each
from gdistributed.data.transfer.incoming import value_of
from gdistributed.data.transfer.outgoing import Crowded
from gdistributed.data.transfer.serving import accept_values, serve_values
from gdistributed.data.transfer.storing import store, write_all
from gdistributed.data.transfer.ways import GET_DATA, PUT_DATA, Relayed, Way

__all__ = [
    "GET_DATA",
    "PUT_DATA",
    "Crowded",
    "Parts",
    "Relayed",
    "Way",
    "accept_values",
    "fetch",
    "fetch_each",
    "serve_values",
    "store",
    "value_of",
    "write_all",
]
