# A holder that does not answer one worker may be reached by others. The task goes where its value is to
# be had; where that may not be, and no third worker can pass the value on, it is computed again.
worker ada
client eve
eve submits x
    -> ada: run x
ada finishes x
    -> eve: finished x
worker bob
eve submits y=x with workers=bob
    -> bob: run y with x
bob does not reach ada for x
    -> bob: cancel y
    -> ada: free x
    -> eve: lost x
1 s pass
    -> bob: run x
bob finishes x
    -> bob: run y with x
    -> eve: finished x
