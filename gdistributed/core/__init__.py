"""The brains: messages and time in, messages out. Nothing here does I/O or reads a clock."""
