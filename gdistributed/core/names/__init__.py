"""Names that processes share: locks, semaphores, events, queues, variables and topics; pure."""
