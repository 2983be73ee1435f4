"""One API: requests in, answers out. The user's code runs in `start` and `predict`, which therefore block.

An entry point calls them where that is right: on worker threads in servers, directly in Lambda.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime_handler.arguments import arguments_of
from runtime_handler.codec import JSON, TEXT, answer_of
from runtime_handler.contract import ServeSpec
from runtime_handler.errors import BadModelInput, NotReady, ServeError
from runtime_handler.importing import describe, user_traceback
from runtime_handler.metrics.monitor import Monitor
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models import lease
from runtime_handler.models.model import Models
from runtime_handler.predictor import Predictor
from runtime_handler.predictors.provenance import comes_from
from runtime_handler.request import Answer, Request
from runtime_handler.sagemaker import default_model
from runtime_handler.starting import OpenModels, start_predictor

log = logging.getLogger("cxpack")


class PredictorFailed(Exception):
    """The user's `predict` raised, or returned what cannot be written; the traceback is in the log already."""


class Service:
    """One API. `project` is the folder with the user's files, already the working directory and importable."""

    def __init__(self, spec: ServeSpec, project: Path, open_models: OpenModels, recorder: Recorder) -> None:
        self.spec = spec
        self.ready = False
        self.models: Models | None = None
        self._project = project
        self._open_models = open_models
        self._monitor = Monitor(spec.monitoring, recorder) if spec.monitoring else None
        self._predictor: Predictor | None = None
        self._later: Callable[..., None] | None = None

    def start(self) -> None:
        """Construct the predictor and load what has to be loaded; `ready` from then on. Raises StartError."""
        self._predictor, self.models = start_predictor(self.spec.predictor, self._project, self._open_models)
        if self.spec.warmup is not None:
            self._warm_up(self._project / self.spec.warmup)
        self.ready = True

    def _warm_up(self, sample: Path) -> None:
        """Predict the sample once, so that the first caller finds everything in place; a failure is logged, no more."""
        try:
            request = Request(sample.read_bytes(), JSON, [(b"content-type", JSON.encode())], b"", "warm-up")
            answer = self._answer(request, observed=False)
        except (OSError, ServeError, PredictorFailed) as error:
            log.warning("the warm-up with %s failed: %s", self.spec.warmup, error or "see above")
        else:
            log.info("warmed up with %s: %d bytes", self.spec.warmup, len(answer.body))

    def run_post_predict_with(self, later: Callable[..., None]) -> None:
        """`later(function, *arguments)` runs `post_predict` when a thread is free; without it, it runs before the answer."""
        self._later = later

    @property
    def reads_payload(self) -> bool:
        """Whether the request's body is of interest to anybody."""
        return self._predictor is not None and "payload" in self._predictor.predict_arguments

    def predict(self, request: Request) -> Answer:
        """The answer to one request.

        Raises ServeError for what the caller did or may retry, PredictorFailed when the user's code failed.
        """
        return self._answer(request, observed=True)

    def _answer(self, request: Request, *, observed: bool) -> Answer:
        predictor = self._predictor
        if predictor is None:
            raise NotReady(f"{self.spec.name} is starting")
        arguments = arguments_of(request, predictor.predict_arguments)
        try:
            prediction = _predict(predictor, arguments, request)
            answer = answer_of(prediction)
        except ServeError as error:
            if isinstance(error, BadModelInput) and not comes_from(error.given, arguments.get("payload"), whole=error.whole):
                raise _failed(error, request) from error
            raise
        except Exception as error:  # the boundary to the user's code: one failing request must not end the process
            answer_to = _http_exception(error)
            if answer_to is None:
                raise _failed(error, request) from error
            return answer_to
        if not observed:
            return answer
        if self._monitor is not None:
            self._monitor.observe(prediction)
        if predictor.post_predict is not None:
            self._after(predictor, prediction, arguments, request)
        return answer

    def _after(self, predictor: Predictor, prediction: Any, arguments: dict[str, Any], request: Request) -> None:
        if self._later is None:
            _post_predict(predictor, prediction, arguments, request)
        else:
            self._later(_post_predict, predictor, prediction, arguments, request)


def _predict(predictor: Predictor, arguments: dict[str, Any], request: Request) -> Any:
    if request.model is not None:
        default_model.set(request.model)
    with lease.Lease():
        return predictor.predict(**arguments)


def _post_predict(predictor: Predictor, prediction: Any, arguments: dict[str, Any], request: Request) -> None:
    assert predictor.post_predict is not None
    wanted = predictor.post_predict_arguments
    try:
        missing = wanted - arguments.keys() - {"response"}
        filled = {**arguments, **arguments_of(request, missing), "response": prediction}
        predictor.post_predict(**{name: filled[name] for name in wanted})
    except Exception as error:  # noqa: BLE001  as in Cortex, the answer is out already; unlike there, the log says so
        _log_failure("post_predict", error, request)


def _failed(error: Exception, request: Request) -> PredictorFailed:
    _log_failure("predict", error, request)
    return PredictorFailed()


def _log_failure(method: str, error: Exception, request: Request) -> None:
    log.error("%s raised %s", method, describe(error), extra={"traceback": user_traceback(error), "request_id": request.id})


def _http_exception(error: Exception) -> Answer | None:
    """The answer that a Starlette or FastAPI HTTPException stands for, in Cortex's form."""
    exceptions = sys.modules.get("starlette.exceptions")
    if exceptions is None or not isinstance(error, exceptions.HTTPException):
        return None
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (error.headers or {}).items()]
    return Answer(error.status_code, str(error.detail).encode(), TEXT, headers)
