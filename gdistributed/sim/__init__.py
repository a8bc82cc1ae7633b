"""The simulator: the cores of scheduler, workers, Center and clients in virtual time, with faults.

No threads, no sockets, no clock: one seed gives one history, bit for bit.
"""
