"""The scheduler's brain: which task runs where and when, and what to do when it did not."""
