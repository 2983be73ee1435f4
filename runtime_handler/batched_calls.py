"""Server-side batching of a PythonPredictor: one call of `predict` gets lists, and returns a list, one entry a request.

As Cortex did it from 0.33: `payload`, `query_params` and `headers` are lists in the same order.
"""

from collections.abc import Sequence
from typing import Any

from runtime_handler.arguments import arguments_of
from runtime_handler.calls import Later, PredictorFailed, answer_to, encoded_answer, run_post_predict
from runtime_handler.errors import ServeError
from runtime_handler.metrics.monitor import Monitor
from runtime_handler.models import lease
from runtime_handler.predictor import Predictor
from runtime_handler.request import Answer, Request

Outcome = Answer | ServeError | PredictorFailed


class BatchedCalls:
    """One call for several requests; a batch that fails is tried again one by one, so that only the guilty one fails."""

    def __init__(self, predictor: Predictor, monitor: Monitor | None, later: Later) -> None:
        self._predictor = predictor
        self._monitor = monitor
        self._later = later

    def answer(self, request: Request, *, observed: bool = True) -> Answer:
        """See `Calls.answer`: a batch of one."""
        [outcome] = self.outcomes([request], observed=observed)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def outcomes(self, requests: Sequence[Request], *, observed: bool = True) -> list[Outcome]:
        """The answer to each request, or what it fails with, in order."""
        found: dict[int, Outcome] = {}
        readable: list[tuple[int, Request, dict[str, Any]]] = []
        for position, request in enumerate(requests):
            try:
                readable.append((position, request, arguments_of(request, self._predictor.predict_arguments)))
            except ServeError as error:
                found[position] = error
        for model in dict.fromkeys(request.model for _, request, _ in readable):
            positions, kept, arguments = zip(*(entry for entry in readable if entry[1].model == model), strict=True)
            outcomes = self._predict(kept, arguments, observed=observed)
            found.update(zip(positions, outcomes, strict=True))
        return [found[position] for position in range(len(requests))]

    def _predict(self, requests: Sequence[Request], arguments: Sequence[dict[str, Any]], *, observed: bool) -> list[Outcome]:
        """The outcomes of requests that were sent to the same model."""
        names = self._predictor.predict_arguments
        lists: dict[str, Any] = {name: [each[name] for each in arguments] for name in names - {"batch_id"}}
        try:
            with lease.Lease(requests[0].model):
                predictions = self._predictor.predict(**lists, **dict.fromkeys(names & {"batch_id"}))
            if not isinstance(predictions, list | tuple) or len(predictions) != len(requests):
                raise TypeError(
                    f"with server_side_batching, predict must return a list of {len(requests)} predictions, one a payload"
                )
        except BaseException as error:  # noqa: BLE001  the boundary to the user's code, sys.exit() included
            if len(requests) > 1:
                anew = [arguments_of(request, names) for request in requests]  # predict may have changed the others
                alone = zip(requests, anew, strict=True)
                return [self._predict([request], [each], observed=observed)[0] for request, each in alone]
            return [_outcome(error, arguments[0], requests[0])]
        if observed and self._predictor.post_predict is not None:
            self._later(self._post_predict, requests, {**lists, "response": predictions})
        return [self._encode(*pair, observed=observed) for pair in zip(predictions, requests, strict=True)]

    def _encode(self, prediction: Any, request: Request, *, observed: bool) -> Outcome:
        try:
            answer = encoded_answer(prediction, request)
        except PredictorFailed as error:  # its own request's failure, nobody else's
            return error
        if observed and self._monitor is not None:
            self._monitor.observe(prediction)
        return answer

    def _post_predict(self, requests: Sequence[Request], arguments: dict[str, Any]) -> None:
        missing = self._predictor.post_predict_arguments - arguments.keys()

        def every() -> dict[str, Any]:
            return {**arguments, **{name: [arguments_of(request, [name])[name] for request in requests] for name in missing}}

        run_post_predict(self._predictor, every, requests[0])


def _outcome(error: BaseException, arguments: dict[str, Any], request: Request) -> Outcome:
    try:
        return answer_to(error, arguments, request)
    except (ServeError, PredictorFailed) as outcome:
        return outcome
