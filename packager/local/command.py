"""From a checked file to a running `cxpack local`: which APIs are served, from which contexts."""

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from packager.check import Check, CheckedApi
from packager.context import BuildContext, ContextFile, local_path
from packager.local.replica import Replica
from packager.local.session import listen, run
from packager.local.unmet import unmet_requirements
from packager.output import write_contexts
from runtime_handler.contract import ServeSpec


class MissingExtra(Exception):
    """The runtime's own needs are not installed."""


def serve_locally(
    checked: Check, names: list[str], host: str, port: int, *, ready: Callable[[str], None], say: Callable[[str], None]
) -> int:
    """Serve the named RealtimeAPIs of `checked` (all when none is named) until a signal; the exit status.

    `ready` takes the URL of each API that has become ready, `say` every other line. Raises PortTaken, MissingExtra.
    """
    _need_extra()
    project = checked.file.parent
    served = [api for api in checked.apis if api.context is not None and (not names or api.spec.name in names)]
    for sentence in unmet_requirements(project):
        say(sentence)
    listener = listen(host, port)
    try:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        with TemporaryDirectory(prefix="cxpack-local-") as folder:
            write_contexts(Path(folder), [_local_context(api, project) for api in served])
            replicas = [_replica(api, Path(folder), project, say) for api in served]
            say(f"starting {', '.join(replica.name for replica in replicas)} (Ctrl-C stops)")
            return asyncio.run(run(replicas, listener, address, ready))
    finally:
        listener.close()


def _local_context(api: CheckedApi, project: Path) -> BuildContext:
    """The image's context, but with local models where they are, so that a change to them is seen."""
    assert api.context is not None, "only assembled APIs are served"
    spec = _models_in_place(api.spec.served, project)
    files = tuple(
        ContextFile(file.path, spec.dump().encode()) if file.path == "api.json" else file
        for file in api.context.files
        if not file.path.startswith("models/")
    )
    return BuildContext(api.spec.name, files)


def _models_in_place(serve: ServeSpec, project: Path) -> ServeSpec:
    models = serve.predictor.models
    if models is None:
        return serve

    def absolute(path: str) -> str:
        return path if path.startswith("s3://") else str(local_path(path, project).resolve())

    placed = dataclasses.replace(
        models,
        paths=tuple(dataclasses.replace(model, path=absolute(model.path)) for model in models.paths),
        dir=None if models.dir is None else absolute(models.dir),
    )
    return dataclasses.replace(serve, predictor=dataclasses.replace(serve.predictor, models=placed))


def _replica(api: CheckedApi, folder: Path, project: Path, say: Callable[[str], None]) -> Replica:
    return Replica(
        name=api.spec.name,
        endpoint=api.spec.served.endpoint,
        context=folder / api.spec.name,
        models=_model_store(project),
        say=say,
    )


def _model_store(project: Path) -> Path:
    """Where fetched models stay from run to run, so that a restart does not fetch gigabytes again."""
    if named := os.environ.get("CXPACK_MODEL_STORE"):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "cxpack" / "models" / hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]


def _need_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("uvicorn", "httpx", "fastapi", "orjson", "obstore") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"{', '.join(missing)} is not installed: cxpack local needs pip install 'cxpack[local]'")
