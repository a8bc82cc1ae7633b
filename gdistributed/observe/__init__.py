"""Tells people what happens: profiles and how they look."""
