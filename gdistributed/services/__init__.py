"""The parts of a cluster: each joins a brain to the wire."""

from gdistributed.grpc_polling import import_grpc

import_grpc()
