"""From a request to a call of the user's `predict`, and from what it returns or raises to an answer."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from runtime_handler.arguments import arguments_of
from runtime_handler.codec import TEXT, answer_of
from runtime_handler.errors import BadModelInput, ServeError
from runtime_handler.importing import describe, user_traceback
from runtime_handler.models import lease
from runtime_handler.predictor import Predictor
from runtime_handler.request import Answer, Request, log_fields

if TYPE_CHECKING:
    from runtime_handler.metrics.monitor import Monitor

log = logging.getLogger("cxpack")

Later = Callable[..., None]
"""`later(function, *arguments)` calls the function once the answer is on its way."""


class PredictorFailed(Exception):
    """The user's `predict` raised, or returned what cannot be written; the traceback is in the log already."""


class Calls(Protocol):
    """How requests become calls of `predict`."""

    def answer(self, request: Request, *, observed: bool = True) -> Answer:
        """The answer to one request; not `observed`, it is neither monitored nor followed by `post_predict`.

        Raises ServeError for what the caller did or may retry, PredictorFailed when the user's code failed.
        """


class SingleCalls:
    """One call a request."""

    def __init__(self, predictor: Predictor, monitor: "Monitor | None", later: Later) -> None:
        self._predictor = predictor
        self._monitor = monitor
        self._later = later

    def answer(self, request: Request, *, observed: bool = True) -> Answer:
        """See `Calls.answer`."""
        predictor = self._predictor
        arguments = arguments_of(request, predictor.predict_arguments)
        try:
            with lease.Lease(request.model) as held:
                try:
                    prediction = predictor.predict(**arguments)
                finally:
                    request.used = held.models[-1].id if held.models else None
        # The boundary to the user's code, sys.exit() included: one failing request must not end the process.
        except BaseException as error:  # noqa: BLE001
            return answer_to(error, arguments, request)
        answer = encoded_answer(prediction, request)
        if observed:
            if self._monitor is not None:
                self._monitor.observe(prediction)
            if predictor.post_predict is not None:
                self._later(self._post_predict, prediction, arguments, request)
        return answer

    def _post_predict(self, prediction: Any, arguments: Mapping[str, Any], request: Request) -> None:
        missing = self._predictor.post_predict_arguments - arguments.keys() - {"response"}

        def every() -> Mapping[str, Any]:
            return {**arguments, **arguments_of(request, missing), "response": prediction}

        run_post_predict(self._predictor, every, request)


def answer_to(error: BaseException, arguments: Mapping[str, Any], request: Request) -> Answer:
    """The answer that an exception out of a `predict` with `arguments` stands for: that of an HTTPException.

    Raises the error itself when it is a ServeError, and PredictorFailed, with a line in the log, for any other; also
    for a bad model input that did not come from the payload.
    """
    if isinstance(error, BadModelInput) and not _is_the_callers(error, arguments):
        raise failed("predict", error, request) from error
    if isinstance(error, ServeError):
        raise error
    exceptions = sys.modules.get("starlette.exceptions")
    if exceptions is None or not isinstance(error, exceptions.HTTPException):
        raise failed("predict", error, request) from error
    from runtime_handler.heads import check_head, encoded  # here, for few predictors raise one

    try:
        headers = encoded((error.headers or {}).items())
        check_head(error.status_code, headers)
        content_type = TEXT if all(name != b"content-type" for name, _ in headers) else None  # theirs
        headers = [header for header in headers if header[0] != b"content-length"]  # that of the body is sent in any case
        return Answer(error.status_code, str(error.detail).encode(), content_type, headers)
    except ValueError as reason:
        raise unsendable("the HTTPException that predict raised", reason, request) from error


def _is_the_callers(error: BadModelInput, arguments: Mapping[str, Any]) -> bool:
    from runtime_handler.predictors.provenance import comes_from  # here, for most inputs are good

    return "payload" in arguments and comes_from(error.given, arguments["payload"], whole=error.whole)


def encoded_answer(prediction: Any, request: Request) -> Answer:
    """What `predict` returned, as an answer. Raises PredictorFailed, with a line in the log, when it cannot be one."""
    try:
        return answer_of(prediction)
    except (TypeError, ValueError, RecursionError) as error:
        raise unsendable("what predict returned", error, request) from error
    except BaseException as error:  # from a class of the user's own, whose methods the encoder called
        raise failed("encoding what predict returned", error, request) from error


def run_post_predict(predictor: Predictor, arguments: Callable[[], Mapping[str, Any]], request: Request) -> None:
    """Call `post_predict` with those of `arguments()` that it declares; they may be such as `predict` never asked for.

    As in Cortex, what it raises changes nothing, nor does a body that it cannot have as its payload; the log says so.
    """
    assert predictor.post_predict is not None
    try:
        given = arguments()
        predictor.post_predict(**{name: given[name] for name in predictor.post_predict_arguments})
    except BaseException as error:  # noqa: BLE001  sys.exit() included: the answer is out already
        failed("post_predict", error, request)


def failed(method: str, error: BaseException, request: Request) -> PredictorFailed:
    """Log what the user's code raised, and return what stands for it."""
    log.error("%s raised %s", method, describe(error), extra={"traceback": user_traceback(error), **log_fields(request)})
    return PredictorFailed()


def unsendable(what: str, reason: Exception, request: Request) -> PredictorFailed:
    """Log why something of the user's cannot go out, and return what stands for it; no line of their code raised it."""
    log.error("%s cannot be sent: %s", what, reason, extra=log_fields(request))
    return PredictorFailed()
