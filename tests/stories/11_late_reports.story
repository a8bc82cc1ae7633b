# A report on a run that was given up changes nothing.
worker ada
client eve
eve submits x
    -> ada: run x
eve cancels x
    -> ada: cancel x
eve submits x
    -> ada: run x
ada finishes x of an older run
state of x
    -> processing
ada finishes x
    -> eve: finished x
