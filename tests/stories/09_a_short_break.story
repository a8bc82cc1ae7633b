# A stream breaks, and the session goes on over another one: nothing is run again.
worker ada
client eve
eve submits x
    -> ada: run x
worker ada breaks off
3 s pass
worker ada resumes
    -> its session goes on
ada finishes x
    -> eve: finished x
