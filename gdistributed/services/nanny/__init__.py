"""The nanny: owns one worker process, starts it, watches it, ends it."""
