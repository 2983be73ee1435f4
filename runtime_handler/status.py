"""`/-/status`: what one process of an API has loaded, and how full its caches are."""

import os
from typing import Any

from runtime_handler.models.model import CacheStatus, TierStatus
from runtime_handler.service import Service

NO_MODELS = CacheStatus(memory=TierStatus(used=0, limit=None), disk=TierStatus(used=0, limit=None))


def status_of(service: Service) -> dict[str, Any]:
    """The body of `/-/status`; an API that is not ready has no models yet.

    Of several processes it says which it is, and how many there are; `replica_status` makes one of what all of them say.
    """
    models = service.models
    cache = NO_MODELS if models is None else models.cache()
    processes = service.spec.predictor.processes_per_replica
    return {
        "api": service.spec.name,
        "ready": service.ready,
        **({"process": os.getpid(), "processes": processes} if processes > 1 else {}),
        "models": [] if models is None else [status._asdict() for status in models.status()],
        "cache": {"memory": cache.memory._asdict(), "disk": cache.disk._asdict()},
    }
