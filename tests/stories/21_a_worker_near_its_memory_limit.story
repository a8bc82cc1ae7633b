# A worker without memory begins nothing new: what it has not begun goes to others.
worker ada
client eve
eve submits a b
    -> ada: run a
    -> ada: run b
ada begins a
worker bob
    -> ada: revoke b
ada is near its memory limit
ada has memory again
