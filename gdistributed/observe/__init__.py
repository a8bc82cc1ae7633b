"""Tells people what happens: traces, profiles and how they look."""
