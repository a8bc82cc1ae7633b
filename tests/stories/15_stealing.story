# A worker that runs dry is given what another has not begun. That one is asked first.
worker ada
client eve
eve submits a b
    -> ada: run a
    -> ada: run b
worker bob
    -> ada: revoke b
ada gives b back
    -> bob: run b
bob finishes b
    -> eve: finished b
