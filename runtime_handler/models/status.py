"""What `/-/status` and Cortex's `model_metadata` say of models: pure functions over what the manager knows."""

from collections.abc import Iterable, Mapping
from typing import Any

from runtime_handler.models.catalog import Catalog, Version
from runtime_handler.models.failures import Failure
from runtime_handler.models.model import ModelStatus, State

WAITS = "its new files wait for room in the model cache"
"""Why a version serves older files than those that settled last, though those did not fail: requests use what is in their way."""


def version_status(
    version: Version,
    *,
    resident: bool,
    last_access: float | None,
    failure: Failure | None,
    load_ms: float | None,
    loading: bool,
    on_disk: bool,
    on_demand: bool,
    stale: bool,
) -> ModelStatus:
    """The status of one version. One that is `stale`, for it serves older files than the store holds, is ready, and tells why."""
    settled = version.settled
    state: State
    error: str | None = None
    if failure is not None:
        error = failure.error
    elif version.steady and version.problem is not None:
        error = version.problem
    elif stale and not loading:
        error = WAITS
    if resident:
        state = "ready"
    elif settled is None:
        state = "failed" if error is not None else "settling"
    elif failure is not None:
        state = "failed"
    else:
        state = "ready" if on_demand and not loading else "loading"
    return ModelStatus(
        name=version.id.name,
        version=version.id.version,
        state=state,
        memory=resident,
        disk=on_disk,
        bytes=(settled or version.files).bytes,
        last_access=last_access,
        error=error,
        next_retry=failure.retry_at if failure is not None else None,
        load_ms=load_ms,
    )


def metadata(catalog: Catalog, statuses: Iterable[ModelStatus]) -> Mapping[str, Any]:
    """Cortex's `model_metadata` of the versions that are ready: strings and whole seconds, in the order of the versions."""
    result: dict[str, dict[str, list[Any]]] = {}
    for status in statuses:
        if status.state == "ready":
            version = catalog[status.name].versions[status.version]
            entry = result.setdefault(status.name, {"versions": [], "timestamps": []})
            entry["versions"].append(str(status.version))
            entry["timestamps"].append(int((version.settled or version.files).modified))
    return result
