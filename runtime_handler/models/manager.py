"""The models of one API: which exist, which are on disk, which are loaded; the only owner of all three."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime_handler.contract import SINGLE_MODEL, ModelsSpec
from runtime_handler.errors import MissingModelName, ModelFailed, ModelNotFound, VersionNotFound
from runtime_handler.metrics.recorder import NullRecorder, Recorder
from runtime_handler.models import lease
from runtime_handler.models.layout import Layout, read_model, read_models
from runtime_handler.models.local import LocalSource
from runtime_handler.models.model import CacheStatus, Model, ModelId, ModelStatus, TierStatus
from runtime_handler.models.source import Source, fingerprint
from runtime_handler.models.version import requested_version
from runtime_handler.predictors.base import Load

log = logging.getLogger("cxpack.models")


def open_manager(
    spec: ModelsSpec,
    *,
    api_name: str,
    root: Path,
    layout: Layout,
    load: Load,
    store: Path,
    settle_s: float = 5.0,  # noqa: ARG001  # not yet used
    recorder: Recorder | None = None,
    clock: Callable[[], float] = time.time,
    threads: int = 1,  # noqa: ARG001  # not yet used
) -> "Manager":
    """The manager of an API's models, not started. Relative paths of the spec are packed folders under `root`.

    `store` is the folder of all APIs' models on disk, `threads` the API's `threads_per_process`: no more models than
    that are loaded at once.
    """
    return Manager(spec, root, layout, load, store / api_name, recorder or NullRecorder(), clock)


class Manager:
    """See `model.Models` for what requests see."""

    def __init__(
        self,
        spec: ModelsSpec,
        root: Path,
        layout: Layout,
        load: Load,
        store: Path,
        recorder: Recorder,
        clock: Callable[[], float],
    ) -> None:
        self._spec, self._root, self._layout, self._load = spec, root, layout, load
        self._store, self._recorder, self._clock = store, recorder, clock
        self._models: dict[str, dict[int, Model]] = {}
        self._status: dict[ModelId, ModelStatus] = {}
        self._failed: dict[ModelId, str] = {}
        self._modified: dict[ModelId, float] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Scan once and load what is there. Blocks until that has ended."""
        self._refresh()

    def tick(self) -> None:
        """One refresh step: a scan and what follows from it. Never raises."""
        try:
            self._refresh()
        except Exception:  # the loop that calls this must outlive whatever a store or a model does
            log.exception("refreshing the models failed; the loaded ones keep serving")

    def close(self) -> None:
        """Let go of every model."""

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        """See `Models.get`."""
        number = requested_version(version)
        if self._spec.single:
            name = SINGLE_MODEL
        if name is None:
            raise MissingModelName("several models are served; name one of them", models=sorted(self._models)[:20])
        versions = self._models.get(name)
        if versions is None:
            raise ModelNotFound(f"there is no model {name!r}", model=name, models=sorted(self._models)[:20])
        if number is None and versions:
            number = max(versions)
        if number not in versions:
            failed = [message for key, message in self._failed.items() if key.name == name and number in (None, key.version)]
            if failed:
                raise ModelFailed(failed[-1], model=name)
            raise VersionNotFound(
                f"model {name!r} has no version {number}", model=name, versions=[str(v) for v in sorted(versions)]
            )
        model = versions[number]
        if (request := lease.current.get()) is not None:
            request.models.append(model)
        return model

    def status(self) -> Sequence[ModelStatus]:
        """See `Models.status`."""
        return [self._status[key] for key in sorted(self._status)]

    def cache(self) -> CacheStatus:
        """See `Models.cache`."""
        used = sum(map(len, self._models.values()))
        return CacheStatus(
            memory=TierStatus(used=used, limit=self._spec.cache_size),
            disk=TierStatus(used=used, limit=self._spec.disk_cache_size),
        )

    def metadata(self) -> Mapping[str, Any]:
        """See `Models.metadata`."""
        return {
            name: {
                "versions": [str(version) for version in sorted(versions)],
                "timestamps": [int(self._modified[ModelId(name, version)]) for version in sorted(versions)],
            }
            for name, versions in sorted(self._models.items())
        }

    def _source(self, path: str) -> Source:
        if path.startswith("s3://"):
            from runtime_handler.models.s3 import S3Source

            bucket, _, prefix = path.removeprefix("s3://").partition("/")
            return S3Source(bucket, prefix)
        return LocalSource(self._root / path)

    def _refresh(self) -> None:
        with self._lock:
            for name, folder, found, source, objects in self._scan():
                self._models.setdefault(name, {})
                for version, files in found.versions.items():
                    key = ModelId(name, version)
                    chosen = [
                        o._replace(path=o.path[len(folder) + len(files.folder) :])
                        for o in objects
                        if o.path.startswith(folder + files.folder)
                    ]
                    digest = fingerprint(chosen)
                    known = self._models[name].get(version)
                    if files.problem is not None or (known is not None and known.fingerprint == digest):
                        continue
                    target = self._store / name / str(version) / digest
                    state, error = "ready", None
                    try:
                        if not target.exists():
                            staging = self._store / "staging"
                            shutil.rmtree(staging, ignore_errors=True)
                            staging.mkdir(parents=True)
                            source.fetch(chosen, folder + files.folder, staging)
                            target.parent.mkdir(parents=True, exist_ok=True)
                            staging.rename(target)
                        value = self._load(target, name)
                        self._models[name] = {**self._models[name], version: Model(id=key, value=value, fingerprint=digest)}
                        self._modified[key] = max(o.modified for o in chosen)
                    except Exception as problem:  # the user's loader may raise anything; the other models must serve
                        log.exception("model %s version %s cannot be loaded", name, version)
                        state, error = (
                            "failed",
                            f"model {name!r} version {version} cannot be loaded: {type(problem).__name__}: {problem}",
                        )
                        self._failed[key] = error
                    self._status[key] = ModelStatus(
                        name=name,
                        version=version,
                        state="ready" if state == "ready" else "failed",
                        memory=state == "ready",
                        disk=True,
                        bytes=sum(o.size for o in chosen),
                        error=error,
                    )

    def _scan(self) -> Any:
        if self._spec.dir is not None:
            source = self._source(self._spec.dir)
            objects = source.list()
            models, _ = read_models([item.path for item in objects], self._layout)
            for name, found in models.items():
                yield name, f"{name}/", found, source, objects
        for path in self._spec.paths:
            base, only = (
                (path.path, None)
                if not path.path.endswith(".onnx")
                else (path.path.rpartition("/")[0], path.path.rpartition("/")[2])
            )
            source = self._source(base)
            objects = [item for item in source.list() if only in (None, item.path)]
            yield path.name, "", read_model([item.path for item in objects], self._layout), source, objects
