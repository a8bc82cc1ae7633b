# To cancel a task cancels what depends on it. A run that has begun is called off.
worker ada
client eve
eve submits x y=x z=y
    -> ada: run x
eve cancels x
    -> ada: cancel x
    -> eve: cancelled y
    -> eve: cancelled z
# A late result changes nothing; the worker is told to drop it.
ada finishes x
    -> ada: free x
state of x
    -> forgotten
