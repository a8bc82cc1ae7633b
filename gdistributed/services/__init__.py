"""The parts of a cluster: each joins a brain to the wire."""
