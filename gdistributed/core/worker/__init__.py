"""The worker's brain: what to fetch, what to run, what to drop, and what to say about it."""
