# A worker that was away for longer than the grace has lost its tasks. What it has done meanwhile is
# adopted where it still counts, and dropped where another was faster.
worker ada
client eve
eve submits x
    -> ada: run x
ada begins x
worker ada breaks off
20 s pass
explain x
    -> It is ready, but the cluster has no workers.
worker ada returns having finished x
    -> eve: finished x
state of x
    -> memory
