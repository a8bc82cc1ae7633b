"""The Center as a server, by itself or inside a scheduler."""
