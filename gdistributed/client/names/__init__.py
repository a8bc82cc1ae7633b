"""What processes share by name: locks, semaphores, events, queues, variables, topics."""
