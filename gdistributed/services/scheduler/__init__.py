"""The scheduler as a server: its brain, its two streams, and what people ask it."""
