# A task is handed out once all that it depends on is done. Values stay where they were computed: the
# names after "with" are what the worker needs, and where there is a choice it goes where they lie.
worker ada
worker bob
client eve
eve submits x y=x z=x,y wanting z
    -> ada: run x
ada finishes x
    -> ada: run y with x
ada finishes y
    -> ada: run z with x,y
# Only z is wanted, so x and y go when z is done.
ada finishes z
    -> ada: free x
    -> ada: free y
    -> eve: finished z
