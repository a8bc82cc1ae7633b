# A task that was executing as three workers died is given up. After the first death it is run alone,
# so that those beside it are not blamed.
worker ada
client eve
eve submits poison innocent
    -> ada: run poison
    -> ada: run innocent
ada begins poison
ada dies
worker bob
    -> bob: run poison
bob dies
worker cyd
    -> cyd: run poison
cyd dies
    -> eve: erred poison gdistributed.errors.KilledWorker
worker dot
    -> dot: run innocent
dot finishes innocent
    -> eve: finished innocent
