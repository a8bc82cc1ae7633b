"""The user's side: clients, futures, graphs and collections."""

from gdistributed.grpc_polling import import_grpc

import_grpc()
