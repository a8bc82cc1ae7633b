# A worker asks another for a value that is not there. The holder is believed: the value is computed
# again, and the task that needs it waits for that.
worker ada
client eve
eve submits x wanting x
    -> ada: run x
ada finishes x
    -> eve: finished x
worker bob
eve submits y=x with workers=bob
    -> bob: run y with x
bob is told that ada lacks x
    -> bob: cancel y
    -> ada: run x
    -> eve: lost x
