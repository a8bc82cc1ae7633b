"""dask's own test suites, with a gdistributed client as their scheduler."""
