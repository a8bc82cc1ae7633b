# What one client gives up goes on for the other, unless it was by force.
worker ada
client eve
client dan
eve submits x
    -> ada: run x
dan submits x
eve cancels x
dan cancels x for all
    -> ada: cancel x
