"""What stands in the cluster for a worker that calls by Synchronize: its brain, data and server."""
