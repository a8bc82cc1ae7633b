# A higher priority runs sooner, whenever it came.
worker ada
client eve
eve submits a b c d
    -> ada: run a
    -> ada: run b
eve submits urgent with priority=10
ada finishes a b
    -> ada: run urgent
    -> ada: run c
    -> ada: run d
    -> eve: finished a
    -> eve: finished b
