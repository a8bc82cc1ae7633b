"""The client's brain: which keys are wanted, what became of them, what must be said again."""
