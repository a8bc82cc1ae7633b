# A task that fails takes those along that depend on it: each is told of the error of the first.
worker ada
client eve
eve submits x y=x z=y
    -> ada: run x
ada fails at x
    -> eve: erred x ValueError
    -> eve: erred y ValueError
    -> eve: erred z ValueError
# It may be computed again on demand.
eve retries z
    -> ada: run x
ada finishes x
    -> ada: run y with x
    -> eve: finished x
ada finishes y
    -> ada: run z with y
    -> eve: finished y
ada finishes z
    -> eve: finished z
