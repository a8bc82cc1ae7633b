"""All of gRPC: servers, channels, links, statuses, and the client that learns any server."""
