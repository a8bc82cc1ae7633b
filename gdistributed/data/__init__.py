"""Holds and moves values: codecs, calls, functions, failures, sizes, transfer."""
