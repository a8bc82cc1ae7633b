# What a worker has begun meanwhile it keeps.
worker ada
client eve
eve submits a b
    -> ada: run a
    -> ada: run b
worker bob
    -> ada: revoke b
ada keeps b
ada finishes a b
    -> eve: finished a
    -> eve: finished b
