"""The certificates of a cluster: who has them may take part."""
