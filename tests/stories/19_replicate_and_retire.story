# A result may lie on several workers. One that leaves gives away what it alone holds, and is then told
# goodbye.
worker ada
worker bob
client eve
eve submits x y with workers=ada
    -> ada: run x
    -> ada: run y
ada finishes x y
    -> eve: finished x
    -> eve: finished y
replicate x 2 times
    -> bob: fetch x from ada
bob stores x
retire ada
    -> bob: fetch y from ada
bob stores y
    -> ada: free y
    -> ada: goodbye retired
