"""What every entry point does first: read api.json, enter the project, set up logs, make the Service."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from runtime_handler import logs
from runtime_handler.contract import FormatError, ModelsSpec, ServeSpec
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.errors import StartError
from runtime_handler.logs import LogFormat
from runtime_handler.metrics.emf_recorder import EmfRecorder, Sink, discard, write_to_stdout
from runtime_handler.models.layout import Layout
from runtime_handler.models.manager import Manager, open_manager
from runtime_handler.predictors.base import Load
from runtime_handler.project import enter_project
from runtime_handler.service import Service


def read_spec(settings: Settings) -> ServeSpec:
    """The API that this process serves. Raises StartError when api.json is missing or of another format."""
    try:
        text = settings.api_json.read_text(encoding="utf-8")
    except OSError as error:
        raise StartError(
            f"{settings.api_json}: {error.strerror}; run in the folder of one API below cxpack.out, or set CXPACK_API"
        ) from None
    try:
        return ServeSpec.load(text)
    except FormatError as error:
        raise StartError(str(error)) from None


@dataclass(slots=True)
class Composed:
    """A service, not started, and its recorder; `manager` is there once the service has opened the API's models."""

    service: Service
    recorder: EmfRecorder
    manager: Manager | None = None


SINKS: Mapping[LogFormat, Sink] = {"json": write_to_stdout, "text": discard}
"""Metric lines are for machines: who reads a terminal does not want them."""


def compose(spec: ServeSpec, settings: Settings) -> Composed:
    """The service of an API; from here on the process is the project's."""
    recorder = EmfRecorder(spec.name, SINKS[settings.log_format])
    logs.configure(spec.predictor.log_level, settings.log_format, spec.name)
    root = settings.api_json.parent
    project = root / "project"
    enter_project(project, spec.predictor, os.environ)

    def open_models(models: ModelsSpec, layout: Layout, load: Load) -> Manager:
        composed.manager = open_manager(
            models,
            api_name=spec.name,
            root=root,
            layout=layout,
            load=load,
            store=settings.model_store,
            settle_s=settings.settle_s,
            recorder=recorder,
            threads=spec.predictor.threads_per_process,
        )
        return composed.manager

    composed = Composed(Service(spec, project, open_models, recorder), recorder)
    return composed
