"""The Center's brain: who is in the cluster, where data lies, and datasets by name."""
