# A client submits a task; a worker runs it; the client hears of the result and lets go of it.
worker ada
client eve
eve submits x
    -> ada: run x
ada finishes x
    -> eve: finished x
# Nobody wants the result any more: the worker may drop it.
eve releases x
    -> ada: free x
state of x
    -> forgotten
