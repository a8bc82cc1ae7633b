# A resource is booked while a task holds it; tasks that do not need it pass by.
worker ada threads=4 GPU=1
client eve
eve submits g h with GPU=1
    -> ada: run g
eve submits x
    -> ada: run x
explain h
    -> It is ready and waits for a turn: no tasks come before it. Of those that may run it, 'ada' has the resource 'GPU' booked for others.
ada finishes g
    -> ada: run h
    -> eve: finished g
