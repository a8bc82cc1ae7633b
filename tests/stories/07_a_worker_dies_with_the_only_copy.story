# Results that lay on a dead worker alone are computed again, and whatever of their inputs is gone.
worker ada
client eve
eve submits x y=x wanting y
    -> ada: run x
ada finishes x
    -> ada: run y with x
ada finishes y
    -> ada: free x
    -> eve: finished y
worker bob
ada dies
    -> bob: run x
    -> eve: lost y
bob finishes x
    -> bob: run y with x
bob finishes y
    -> bob: free x
    -> eve: finished y
