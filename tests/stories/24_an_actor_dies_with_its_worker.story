# An actor lives on the worker that made it. When that dies it is not made anew: its state would be gone.
worker ada
worker bob
client eve
eve submits counter with actor=1
    -> ada: run counter
ada finishes counter
    -> eve: finished counter
eve submits x=counter with workers=bob
    -> bob: run x with counter
bob finishes x
    -> eve: finished x
ada dies
    -> eve: lost counter
    -> eve: erred counter gdistributed.errors.ActorLost
# Who wants a new one says so.
eve retries counter
    -> bob: run counter
bob finishes counter
    -> eve: finished counter
