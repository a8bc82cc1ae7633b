"""All of gRPC: servers, channels, links, statuses, and the client that learns any server."""

from gdistributed.grpc_polling import import_grpc

import_grpc()
