"""What every entry point does first: read api.json, enter the project, set up logs, make the Service."""

import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runtime_handler import logs
from runtime_handler.contract import SECRETS, SINGLE_MODEL, FormatError, ModelPath, ModelsSpec, ServeSpec
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.errors import StartError
from runtime_handler.logs import LogFormat
from runtime_handler.metrics.emf_recorder import EmfRecorder, Sink, discard, write_to_stdout
from runtime_handler.project import drop_stale_token, enter_project
from runtime_handler.service import Service
from runtime_handler.starting import Opened, OpenedModels

if TYPE_CHECKING:
    from runtime_handler.memory_room import MemoryRoom
    from runtime_handler.models.manager import Manager
    from runtime_handler.models.places import Places
    from runtime_handler.predictors.base import PredictorType


def read_spec(settings: Settings) -> ServeSpec:
    """The API that this process serves. Raises StartError when api.json is missing or of another format."""
    try:
        text = settings.api_json.read_text(encoding="utf-8")
    except OSError as error:
        raise StartError(
            f"{settings.api_json}: {error.strerror}; run in the folder of one API below cxpack.out, or set CXPACK_API"
        ) from None
    try:
        spec = ServeSpec.load(text)
    except FormatError as error:
        raise StartError(str(error)) from None
    if settings.multi_model:
        return without_models(spec)
    return with_sagemaker_model(spec, settings.sagemaker_model)


def without_models(spec: ServeSpec) -> ServeSpec:
    """`spec` with a client, whose models come by HTTP. Raises StartError when its predictor uses no models."""
    models = spec.predictor.models
    if models is None:
        raise StartError(f"{spec.name}: SAGEMAKER_MULTI_MODEL is set, but the predictor has no models in cortex.yaml")
    kept = ModelsSpec(signature_key=models.signature_key, cache_size=models.cache_size, cache_bytes=models.cache_bytes)
    # One process: the platform tells one of them what to load, and any may be asked to predict.
    return spec._replace(predictor=spec.predictor._replace(models=kept, processes_per_replica=1))


def with_sagemaker_model(spec: ServeSpec, folder: Path) -> ServeSpec:
    """`spec` with SageMaker's model folder as its one model, when there is something in it and the API has models."""
    models = spec.predictor.models
    if models is None or not folder.is_dir() or not any(folder.iterdir()):
        return spec
    keys = [models.signature_key, *(path.signature_key for path in models.paths if models.single)]
    key = next((key for key in reversed(keys) if key is not None), None)
    only = ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path=str(folder), signature_key=key),))
    return spec._replace(predictor=spec.predictor._replace(models=only))


class Composed:
    """A service, not started, and its recorder; `manager` and `places` are there once models are opened.

    `since` is when this was, monotonic seconds: before a replica of several processes becomes several.
    """

    __slots__ = ("manager", "places", "recorder", "service", "since")

    def __init__(self, service: Service, recorder: EmfRecorder) -> None:
        self.service = service
        self.recorder = recorder
        self.since = time.monotonic()
        self.manager: Manager | None = None
        self.places: Places | None = None


def _memory_left(spec: ServeSpec) -> float:
    from runtime_handler.memory_limit import memory_left  # here, for only large models ask

    return memory_left(spec)


def _memory_room(spec: ServeSpec, models: ModelsSpec) -> "MemoryRoom | None":
    from runtime_handler.memory_limit import memory_limit, share  # here, for most APIs have no cache
    from runtime_handler.memory_room import MemoryRoom

    memory = share(spec, memory_limit())
    return None if memory is None else MemoryRoom(models, memory)


SINKS: Mapping[LogFormat, Sink] = {"json": write_to_stdout, "text": discard}
"""Metric lines are for machines: who reads a terminal does not want them."""


def compose(spec: ServeSpec, settings: Settings, *, imports_first: bool = False) -> Composed:
    """The service of an API; from here on the process is the project's. Raises StartError when a secret cannot be read.

    `imports_first` has what a cache's first load would import be imported at the start, where its memory can be measured:
    for a server, which has time before it is ready.
    """
    models = spec.predictor.models
    if settings.multi_model or (models is not None and models.cached):
        from runtime_handler.allocator import share_one_pool  # here, for most APIs have no cache

        share_one_pool()
    before = dict(os.environ)
    if os.environ.get(SECRETS):
        from runtime_handler.secrets import resolve_secrets  # here, for most APIs have none

        resolve_secrets(os.environ)
    recorder = EmfRecorder(settings.metrics_name or spec.name, SINKS[settings.log_format])
    logs.configure(spec.predictor.log_level, settings.log_format, spec.name)
    root = settings.api_json.parent
    project = root / "project"
    enter_project(project, spec.predictor, os.environ, stand_in=settings.model_store.parent / "projects" / spec.name)
    drop_stale_token(before, os.environ)

    def open_models(models: ModelsSpec, kind: "PredictorType") -> Opened:
        from runtime_handler.models.manager import open_manager  # here, for an API without models does without
        from runtime_handler.models.places import Places
        from runtime_handler.models.scan import Replica

        room = _memory_room(spec, models) if models.cached or settings.multi_model else None
        alone = spec.predictor.processes_per_replica == 1 or settings.poll_s == 0
        composed.places = Places(root)
        composed.manager = manager = open_manager(
            models,
            api_name=spec.name,
            root=root,
            layout=kind.layout,
            load=kind.load,
            store=settings.model_store,
            settle_s=settings.settle_s,
            marker=settings.upload_marker,
            recorder=recorder,
            threads=spec.predictor.threads_per_process,
            places=composed.places,
            replica=None if alone else Replica(since=composed.since, poll_s=settings.poll_s),
            memory_room=room.budget if room is not None else None,
            memory_left=partial(_memory_left, spec),
        )
        opened: OpenedModels = manager
        if settings.multi_model:
            from runtime_handler.sagemaker import InvokedModels  # here, for SageMaker alone has such endpoints

            opened = InvokedModels(manager)
        if room is None:
            return Opened(opened, opened.start, lambda: None)
        return room.kept(opened, manager, kind.framework if imports_first else None)

    composed = Composed(Service(spec, project, open_models, recorder), recorder)
    return composed
