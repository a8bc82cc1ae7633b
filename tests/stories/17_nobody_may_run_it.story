# A task that no worker here may run says so at once, and errs after no_worker_timeout if that is set.
worker ada
client eve
eve submits x with GPU=1
state of x
    -> no_worker
explain x
    -> It is ready, but none of the 1 workers may run it: it needs the runtime 'python'; 1 of the resource 'GPU'.
61 s pass
    -> eve: erred x gdistributed.errors.NoWorker
