"""One API: requests in, answers out. The user's code runs in `start` and `predict`, which therefore block.

An entry point calls them where that is right: on worker threads in servers, directly in Lambda.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtime_handler.calls import Calls, PredictorFailed, SingleCalls
from runtime_handler.codec import JSON
from runtime_handler.contract import ServeSpec
from runtime_handler.errors import NotReady, ServeError
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models.model import Models
from runtime_handler.predictors import BATCHES_REQUESTS
from runtime_handler.request import Answer, Request
from runtime_handler.starting import OpenModels, start_predictor

if TYPE_CHECKING:
    from runtime_handler.batched_calls import BatchedCalls, Outcome
    from runtime_handler.contract import MonitoringSpec
    from runtime_handler.metrics.monitor import Monitor

log = logging.getLogger("cxpack")


class Service:
    """One API. `project` is the folder with the user's files, already the working directory and importable."""

    def __init__(self, spec: ServeSpec, project: Path, open_models: OpenModels, recorder: Recorder) -> None:
        self.spec = spec
        self.ready = False
        self.models: Models | None = None
        self.reads_payload = True
        self._project = project
        self._open_models = open_models
        self._monitor = _monitor(spec.monitoring, recorder) if spec.monitoring else None
        self._calls: Calls | None = None
        self._batched: BatchedCalls | None = None
        self._later: Callable[..., None] = lambda function, *arguments: function(*arguments)

    @property
    def batches_requests(self) -> bool:
        """Whether one call of `predict` takes several requests, so that `outcomes` should get them together."""
        return self.spec.predictor.batching is not None and self.spec.predictor.type in BATCHES_REQUESTS

    def run_post_predict_with(self, later: Callable[..., None]) -> None:
        """`later(function, *arguments)` runs `post_predict` when a thread is free; without it, it runs before the answer."""
        self._later = later

    def start(self) -> None:
        """Construct the predictor and load what has to be loaded; `ready` from then on. Raises StartError."""
        predictor, self.models = start_predictor(self.spec.predictor, self._project, self._open_models)
        self.reads_payload = "payload" in predictor.predict_arguments
        if self.batches_requests:
            from runtime_handler.batched_calls import BatchedCalls  # here, for most APIs do without

            self._calls = self._batched = BatchedCalls(predictor, self._monitor, self._later)
        else:
            self._calls = SingleCalls(predictor, self._monitor, self._later)
        if self.spec.warmup is not None:
            self._warm_up(self._calls, self._project / self.spec.warmup)
        self.ready = True

    def predict(self, request: Request) -> Answer:
        """The answer to one request.

        Raises ServeError for what the caller did or may retry, PredictorFailed when the user's code failed.
        """
        if self._calls is None:
            raise NotReady(f"{self.spec.name} is starting")
        return self._calls.answer(request)

    def outcomes(self, requests: Sequence[Request]) -> "list[Outcome]":
        """The answer to each request, or what `predict` would have raised; for an API that batches requests."""
        assert self._batched is not None
        return self._batched.outcomes(requests)

    def _warm_up(self, calls: Calls, sample: Path) -> None:
        """Predict the sample once, so that the first caller finds everything in place; a failure is logged, no more."""
        try:
            request = Request(sample.read_bytes(), JSON, [(b"content-type", JSON.encode())], b"", "warm-up")
            answer = calls.answer(request, observed=False)
        except (OSError, ServeError, PredictorFailed) as error:
            log.warning("the warm-up with %s failed: %s", self.spec.warmup, str(error) or "see above")
        else:
            log.info("warmed up with %s: %d bytes", self.spec.warmup, len(answer.body))


def _monitor(spec: "MonitoringSpec", recorder: Recorder) -> "Monitor":
    from runtime_handler.metrics.monitor import Monitor  # here, for most APIs are not monitored

    return Monitor(spec, recorder)
