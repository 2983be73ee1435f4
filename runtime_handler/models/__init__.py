"""Which model versions exist, which are on disk, which are loaded.

Where to look, from the files to the request::

    version.py    integers as versions            layout.py    which files make a whole version
    source.py     what a place of files can do    s3.py, bucket.py, local.py, places.py    the places
    scan.py       one look at all model paths     pins.py      desired state beside the models
    catalog.py    what exists and has settled     choice.py    what "latest" means, what is worth loading
    settling.py   what to look at between scans   shared_scans.py   one scan for several processes
    disk.py       the disk tier                   memory.py    the memory tier, lease.py    who holds what
    limits.py     what either may hold            recency.py   what was used the longest ago
    store.py      the disk's folder, records.py   users.py     which processes share it
    resident.py   one loaded version              leaving.py   former ones that are in use
    past.py       when those that left were used  tally.py     hits and misses
    order.py      one version to load             admission.py the order in which room is taken
    loads.py      one load for all who wait       failures.py  what failed, when it is tried again
    misses.py     who waits, and for how long     turns.py     how many loaders run at once
    workers.py    the threads of loads            parallel.py  the threads of requests to a store
    footprints.py what loads were seen to take    reclaim.py   memory back to the system
    shelf.py      the tables of this moment       updates.py   the refresh step, refresh.py    who calls it
    manager.py    what requests see, model.py     folders.py   SageMaker's models by folder
    status.py     what /-/status says             refusals.py  why a model cannot be served
"""
