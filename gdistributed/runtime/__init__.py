"""Runs users' functions: in threads, or on the event loop when they are coroutine functions."""
