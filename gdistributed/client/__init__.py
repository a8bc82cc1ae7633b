"""The user's side: clients, futures, graphs and collections."""
