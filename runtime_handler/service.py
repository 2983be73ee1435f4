"""The composition root: from api.json to a Service, which turns requests into answers.

`start` and `predict` block and run the user's code; an entry point calls them where that is right: on worker threads
in servers, directly in Lambda. `start` ends with the API ready, or raises what the person who wrote the predictor has
to read.
"""

import copy
import importlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runtime_handler.codec import answer_of, payload_of
from runtime_handler.contract import ServeSpec
from runtime_handler.errors import NotReady, ServeError, UserCodeError
from runtime_handler.importing import describe, load_class, user_traceback
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models.model import Models
from runtime_handler.predictor import Predictor, check_class, constructor_arguments
from runtime_handler.predictors import PREDICTORS
from runtime_handler.request import Answer, Request

log = logging.getLogger("cxpack")


class OpenModels(Protocol):
    """Opens the API's models, scans them once and loads what has to be loaded at start."""

    def __call__(self, load: Callable[[Path, str], object], layout: Any) -> Models:
        """The models of one API; closing them is the caller's."""


class PredictorFailed(Exception):
    """The user's `predict` raised `error`, or returned what cannot be written; the traceback is in the log already."""


@dataclass(slots=True)
class Service:
    """One API. `project` is the folder with the user's files, already the working directory and importable."""

    spec: ServeSpec
    project: Path
    recorder: Recorder
    open_models: OpenModels
    ready: bool = False
    models: Models | None = None
    _predictor: Predictor | None = None
    _later: Callable[..., None] = field(default=lambda function, *arguments: function(*arguments))

    def start(self) -> None:
        """Import the predictor, open the models, construct the predictor; afterwards `ready` is true.

        Raises StartError; its kind UserCodeError carries the exception of the user's code.
        """
        spec = self.spec.predictor
        module, _, class_name = PREDICTORS[spec.type].partition(":")
        predictor_type = getattr(importlib.import_module(module), class_name)
        cls = load_class(self.project / spec.path, predictor_type.class_name)
        client_argument = predictor_type.client_argument if spec.models else None
        check_class(cls, client_argument, needs_load_model=spec.type == "python" and spec.models is not None)
        make: Any = cls.__new__  # typed for the general case
        user_object = make(cls)
        available: dict[str, Any] = {"config": copy.deepcopy(spec.config), "job_spec": None}
        if client_argument:
            opened = predictor_type(spec, user_object)
            self.models = self.open_models(opened.load, opened.layout)
            available[client_argument] = opened.client(self.models)
        try:
            user_object.__init__(**constructor_arguments(cls, available))
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise UserCodeError(f"{spec.path}: __init__ raised {describe(error)}", error) from error
        self._predictor = Predictor(user_object)
        self.ready = True

    def run_post_predict_with(self, later: Callable[..., None]) -> None:
        """`later(function, *arguments)` runs `post_predict` once the answer is on its way; without it, it runs before."""
        self._later = later

    @property
    def reads_payload(self) -> bool:
        """Whether the request's body is of interest to anybody."""
        return self._predictor is not None and "payload" in self._predictor.predict_arguments

    def predict(self, request: Request) -> Answer:
        """The answer to one request.

        Raises ServeError for what the caller did or may retry, PredictorFailed when the user's code failed.
        """
        predictor = self._predictor
        if predictor is None:
            raise NotReady(f"{self.spec.name} is starting", retry_after=1)
        arguments = _arguments(predictor.predict_arguments, request)
        try:
            prediction = predictor.predict(**arguments)
            answer = answer_of(prediction)
        except ServeError:
            raise
        except Exception as error:  # the boundary to the user's code: one failing request must not end the process
            if (answer_to := _http_exception(error)) is not None:
                return answer_to
            log.error(
                "predict raised %s: %s",
                type(error).__name__,
                error,
                extra={"traceback": user_traceback(error), "request_id": request.id},
            )
            raise PredictorFailed from error
        if predictor.post_predict is not None:
            self._later(self._post_predict, predictor, prediction, arguments, request)
        return answer

    def _post_predict(self, predictor: Predictor, prediction: Any, arguments: dict[str, Any], request: Request) -> None:
        assert predictor.post_predict is not None
        wanted = predictor.post_predict_arguments
        try:
            missing = wanted - arguments.keys() - {"response"}
            filled = {**arguments, **_arguments(missing, request), "response": prediction}
            predictor.post_predict(**{name: filled[name] for name in wanted})
        except Exception as error:  # noqa: BLE001  as in Cortex, the answer is out already; unlike there, the log says so
            log.error("post_predict raised %s: %s", type(error).__name__, error, extra={"traceback": user_traceback(error)})


def _arguments(names: frozenset[str], request: Request) -> dict[str, Any]:
    return {name: ARGUMENTS[name](request) for name in names}


def _query_params(request: Request) -> Any:
    from starlette.datastructures import QueryParams  # here, for it costs a Lambda start 100 ms

    return QueryParams(request.query_string)


def _headers(request: Request) -> Any:
    from starlette.datastructures import Headers  # as above

    return Headers(raw=request.headers)


ARGUMENTS: dict[str, Callable[[Request], Any]] = {
    "payload": payload_of,
    "query_params": _query_params,
    "headers": _headers,
    "batch_id": lambda request: None,  # noqa: ARG005  for BatchAPI
}
"""What fills the arguments of `predict` and `post_predict`."""


def _http_exception(error: Exception) -> Answer | None:
    """The answer that a Starlette or FastAPI HTTPException stands for."""
    exceptions = sys.modules.get("starlette.exceptions")
    if exceptions is None or not isinstance(error, exceptions.HTTPException):
        return None
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (error.headers or {}).items()]
    return Answer(error.status_code, str(error.detail).encode(), "text/plain; charset=utf-8", headers)
