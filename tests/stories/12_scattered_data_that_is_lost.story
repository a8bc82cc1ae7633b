# Nobody can compute what a client brought: what depends on it errs at once.
worker ada
worker bob
client eve
eve scatters data to ada
    -> eve: finished data
eve submits x=data with workers=ada
    -> ada: run x with data
ada dies
    -> eve: lost data
    -> eve: erred data gdistributed.errors.DataLost
    -> eve: erred x gdistributed.errors.DataLost
