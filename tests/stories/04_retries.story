# A task with retries is run again where that can be, and the client does not notice.
worker ada
client eve
eve submits x with retries=1
    -> ada: run x
ada fails at x
    -> ada: run x
ada finishes x
    -> eve: finished x
