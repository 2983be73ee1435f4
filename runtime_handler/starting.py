"""From api.json to a constructed predictor: class, models, client, constructor, in that order."""

import copy
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from runtime_handler.contract import ModelsSpec, PredictorSpec
from runtime_handler.errors import UserCodeError
from runtime_handler.importing import describe, load_class
from runtime_handler.lazy_models import LazyModels
from runtime_handler.models.model import Models
from runtime_handler.predictor import Predictor, check_class, constructor_arguments
from runtime_handler.predictors import PREDICTORS
from runtime_handler.predictors.base import PredictorType


class OpenedModels(Models, Protocol):
    """The models of one API, as the process that owns them sees them."""

    def start(self) -> None:
        """Scan once, and load what has to be loaded at start."""


class Opened:
    """The models of one API, not started: `start` does that, and `stands` hears that the predictor is constructed."""

    __slots__ = ("models", "stands", "start")

    def __init__(self, models: Models, start: Callable[[], None], stands: Callable[[], None]) -> None:
        self.models, self.start, self.stands = models, start, stands


OpenModels = Callable[[ModelsSpec, PredictorType], Opened]
"""Opens an API's models, which its predictor type loads."""


def start_predictor(spec: PredictorSpec, project: Path, open_models: OpenModels) -> tuple[Predictor, Models | None]:
    """The user's predictor, ready for requests, and the models that it was given.

    Raises StartError; its kind UserCodeError carries the exception of the user's code.
    """
    module, _, class_name = PREDICTORS[spec.type].partition(":")
    predictor_type: type[PredictorType] = getattr(importlib.import_module(module), class_name)
    cls = load_class(project / spec.path, predictor_type.class_name)
    client_argument = predictor_type.client_argument if spec.models else None
    check_class(cls, client_argument, needs_load_model=spec.type == "python" and spec.models is not None)
    allocate: Any = cls.__new__
    user_object = allocate(cls)
    arguments: dict[str, Any] = {"config": copy.deepcopy(spec.config), "job_spec": None}
    opened: Opened | None = None
    models: LazyModels | None = None
    if spec.models is not None:
        kind = predictor_type(spec, user_object)
        opened = open_models(spec.models, kind)
        models = LazyModels(opened.models, opened.start, kind.describe)
        arguments[predictor_type.client_argument] = kind.client(models)
    try:
        user_object.__init__(**constructor_arguments(cls, arguments))
    except BaseException as error:  # the user's code may raise anything
        raise UserCodeError(f"{spec.path}: __init__ raised {describe(error)}", error) from error
    if opened is not None and models is not None:
        models.start()
        opened.stands()
    return Predictor(user_object), models
