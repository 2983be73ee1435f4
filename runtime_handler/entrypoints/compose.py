"""What every entry point does first: read api.json, enter the project, set up logs, make the Service."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime_handler import logs
from runtime_handler.contract import FormatError, ServeSpec
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.errors import StartError
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models.model import Models
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


def compose(spec: ServeSpec, settings: Settings, recorder: Recorder) -> Service:
    """The service, not started; from here on the process is the project's."""
    logs.configure(spec.predictor.log_level, settings.log_format, spec.name)
    project = settings.api_json.parent / "project"
    enter_project(project, spec.predictor, os.environ)

    def open_models(load: Callable[[Path, str], object], layout: Any) -> Models:
        raise StartError(f"{spec.name}: models are not served yet ({layout.name}, {load})")

    return Service(spec, project, recorder, open_models)
