"""From a checked file to a running `cxpack local`: which APIs are served, from which contexts."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from packager.check import Check, CheckedApi, check
from packager.context import BuildContext, ContextFile, local_path
from packager.local.replica import Replica
from packager.local.session import Say, listen, run
from packager.local.unmet import unmet_requirements
from packager.output import write_contexts
from runtime_handler.contract import ServeSpec


class MissingExtra(Exception):
    """The runtime's own needs are not installed."""


def serve_locally(checked: Check, names: list[str], host: str, port: int, *, reload: bool, ready: Say, say: Say) -> int:
    """Serve the named RealtimeAPIs of `checked` (all when none is named) until a signal; the exit status.

    `ready` takes the URL of each API that has become ready, `say` every other line; with `reload` an API is started anew
    when its files change. Raises PortTaken, MissingExtra.
    """
    _need_extra()
    for sentence in unmet_requirements(checked.file.parent):
        say(sentence)
    listener = listen(host, port)
    try:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        with TemporaryDirectory(prefix="cxpack-local-") as folder:
            builds = Builds(checked.file, names, Path(folder), say)
            replicas = builds.of(checked)
            say(f"starting {', '.join(replica.name for replica in replicas)} (Ctrl-C stops)")
            changes = builds.changes() if reload else None
            return asyncio.run(run(replicas, listener, address, ready=ready, say=say, changes=changes))
    finally:
        listener.close()


class Builds:
    """The contexts of the served APIs as they were built last, in folders of their own below `folder`."""

    def __init__(self, file: Path, names: list[str], folder: Path, say: Say) -> None:
        self._file = file
        self._names = names
        self._folder = folder
        self._say = say
        self._digests: dict[str, str] = {}
        self._generation = 0

    def of(self, checked: Check) -> list[Replica]:
        """A replica, not yet started, of each served API whose context is not the one of the last time."""
        project = self._file.parent
        apis = [api for api in checked.apis if api.context is not None and (not self._names or api.spec.name in self._names)]
        contexts = {api.spec.name: _local_context(api, project) for api in apis}
        digests = {name: context.digest for name, context in contexts.items()}
        changed = [api for api in apis if self._digests.get(api.spec.name) != digests[api.spec.name]]
        self._digests = digests
        self._generation += 1
        folder = self._folder / str(self._generation)
        folder.mkdir()
        write_contexts(folder, [contexts[api.spec.name] for api in changed])
        return [_replica(api, folder, project, self._say) for api in changed]

    async def changes(self) -> AsyncIterator[list[Replica]]:
        """The replicas to start, each time that the project's files have changed; what is wrong with them is said."""
        from watchfiles import awatch

        from packager.local.watched import Watched  # here, as watchfiles

        async for _ in awatch(self._file.parent, step=200, watch_filter=Watched()):
            yield self.after_a_change()

    def after_a_change(self) -> list[Replica]:
        """The replicas to start now; none when the files have a mistake, or nothing of an API has changed."""
        checked = check(self._file)
        if checked.ok:
            return self.of(checked)
        for problem in checked.problems:
            self._say(str(problem))
        self._say("the old code goes on serving")
        return []


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

    placed = models._replace(
        paths=tuple(model._replace(path=absolute(model.path)) for model in models.paths),
        dir=None if models.dir is None else absolute(models.dir),
    )
    return serve._replace(predictor=serve.predictor._replace(models=placed))


def _replica(api: CheckedApi, folder: Path, project: Path, say: Say) -> Replica:
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
