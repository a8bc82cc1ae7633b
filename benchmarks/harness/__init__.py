"""What stands around the measuring: environments, processes, rounds, results, tables."""
