"""The worker as a server: its brain, its stream with the scheduler, and what others ask it."""
