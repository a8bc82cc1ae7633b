# What a client wants is kept for a grace, in which it may come back; then it is let go.
worker ada
client eve
eve submits x
    -> ada: run x
client eve breaks off
ada finishes x
5 s pass
client eve resumes
    -> eve: finished x
    -> its session goes on
client eve breaks off
20 s pass
    -> ada: free x
state of x
    -> forgotten
