# A worker that sends no heartbeats while its connection lives gets nothing new. It is not given up for
# that alone: a task may hold its interpreter.
worker ada
client eve
eve submits x
    -> ada: run x
10 s pass without a word of ada
eve submits y
explain y
    -> It is ready and waits for a turn: no tasks come before it. Of those that may run it, 'ada' does not respond.
1 s pass
    -> ada: run y
