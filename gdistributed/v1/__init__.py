"""The protocol's messages and services, generated from `proto/` by `make proto`. Never edited."""
