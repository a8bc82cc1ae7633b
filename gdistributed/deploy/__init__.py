"""Starts clusters: on this machine, for now."""
