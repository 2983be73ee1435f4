"""The ASGI callable that every entry point serves: routes, readiness, admission.

Plain ASGI, because a framework costs more than most models do: it takes 160 to 240 us a request here, a small model and
its JSON 6 to 17.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from runtime_handler.admission import Gate, ProcessGate
from runtime_handler.answers import error_answer, json_answer
from runtime_handler.asgi import (
    ENDS,
    Asgi,
    Begun,
    BrokenOff,
    Disconnected,
    Receive,
    Scope,
    Send,
    read_body,
    read_request,
    request_id,
    send_answer,
)
from runtime_handler.calls import PredictorFailed
from runtime_handler.codec import TEXT
from runtime_handler.errors import NotReady, Overloaded, ServeError
from runtime_handler.importing import describe, user_traceback
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.request import Answer, Request, log_fields
from runtime_handler.service import Service

if TYPE_CHECKING:
    from runtime_handler.sagemaker import MultiModel

Run = Callable[[Request], Awaitable[Answer]]
"""Runs Service.predict where user code may block."""

PREDICT_PATHS = ("/", "/predict", "/invocations")
"""Where predictions are made besides the API's own endpoint: Cortex's and SageMaker's paths."""

DOCS_PATH = "/-/docs"
CLIENT_CLOSED_REQUEST = 499
STATUS_CLASSES = tuple(f"{hundreds}XX" for hundreds in range(10))
SLOW_MS = 5_000
"""A request that takes as long is worth a line in the log."""

log = logging.getLogger("cxpack")


class App:
    """The ASGI application of one API; `load_docs` makes `/-/docs` when first asked, `replica_status` tells of all processes."""

    def __init__(
        self,
        service: Service,
        run: Run,
        recorder: Recorder,
        *,
        gate: Gate | None = None,
        load_docs: Callable[[], Awaitable[Asgi]] | None = None,
        multi_model: "MultiModel | None" = None,
        replica_status: Callable[[], Awaitable[Mapping[str, Any]]] | None = None,
    ) -> None:
        self._service = service
        self._run = run
        self._recorder = recorder
        self._gate = gate or ProcessGate(service.spec.max_replica_concurrency)
        self._load_docs = load_docs
        self._multi_model = multi_model
        self._replica_status = replica_status
        self._docs: Asgi | None = None
        self._log_requests = log.isEnabledFor(logging.DEBUG)
        self.predict_paths = frozenset((*PREDICT_PATHS, service.spec.endpoint))
        self._pages: dict[str, Callable[[], Answer]] = {
            **dict.fromkeys(self.predict_paths, self._describe),
            "/ping": self._readiness,
            "/-/ready": self._readiness,
            "/-/healthy": lambda: json_answer(200, {"healthy": True}),
            "/-/status": self._status,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        path, method = scope["path"], scope["method"]
        if method == "POST" and path in self.predict_paths:
            await self.predict(scope, receive, send)
        elif path.startswith(DOCS_PATH) and self._load_docs is not None:
            if self._docs is None:
                self._docs = await self._load_docs()
            await self._docs(scope, receive, send)
        elif self._multi_model is not None and self._multi_model.owns(path):
            await self._manage(self._multi_model, scope, receive, send)
        else:
            replica = self._replica_status if (method, path) == ("GET", "/-/status") else None
            answer = self._answer_at_once(path, method) if replica is None else json_answer(200, await replica())
            await send_answer(scope, receive, send, _identified(answer, request_id(scope)))

    def _answer_at_once(self, path: str, method: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            message = f"no such path: {path}; predictions are at POST {self._service.spec.endpoint}"
            return json_answer(404, {"error": message, "kind": "no_such_path"})
        if method == "GET":
            return page()
        predicts = path in self.predict_paths
        if method == "OPTIONS" and predicts:  # a browser's preflight; the answer is in the headers of every answer
            return Answer(200, b"", TEXT, [])
        allowed = "GET, POST, OPTIONS" if predicts else "GET"
        message = f"{path} takes {allowed}, not {method}"
        return json_answer(405, {"error": message, "kind": "method_not_allowed"}, [(b"allow", allowed.encode())])

    async def _manage(self, multi_model: "MultiModel", scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        try:
            model = multi_model.invoked(path) if method == "POST" else None
            if model is not None:
                await self.predict(scope, receive, send, model)
                return
            body = await multi_model.manage(method, path, await read_body(receive))
            answer = self._answer_at_once(path, method) if body is None else json_answer(200, body)
        except ServeError as error:
            answer = error_answer(error)
        except Disconnected:
            return
        await send_answer(scope, receive, send, _identified(answer, request_id(scope)))

    async def predict(self, scope: Scope, receive: Receive, send: Send, model: str | None = None) -> None:
        """Answer a POST to one of `predict_paths`; `model` is the one that a multi-model endpoint sends it to."""
        identity = request_id(scope)
        if (refusal := self._refusal()) is not None:
            await send_answer(scope, receive, send, _identified(error_answer(refusal), identity))
            return
        started = time.perf_counter()
        status = 500
        sending: Begun | bool = False
        request = None
        try:
            try:
                request = await read_request(scope, receive, identity, parse_forms=self._service.reads_payload)
                request.model = model
                answer = await self._run(request)
            except (ServeError, PredictorFailed) as error:
                answer = error_answer(error)
            status = answer.status
            sending = True
            if answer.response is not None:  # user code sends it, and may fail before it does
                send = sending = Begun(send)
            await send_answer(scope, receive, send, _identified(answer, identity))
        except Disconnected:
            status = CLIENT_CLOSED_REQUEST
        except (Exception, *ENDS) as error:  # the outermost boundary of a request: the next one must find the server alive
            status = 500
            log.error("answering failed: %s", describe(error), extra={"traceback": user_traceback(error), "request_id": identity})
            if sending:
                raise BrokenOff from error  # the server ends the connection
            await send_answer(scope, receive, send, _identified(error_answer(PredictorFailed()), identity))
        finally:
            self._gate.leave()
            self._done(status, request, (time.perf_counter() - started) * 1000)

    def _done(self, status: int, request: Request | None, milliseconds: float) -> None:
        self._recorder.record("StatusCode", 1, Code=status_class(status))
        self._recorder.record("Latency", milliseconds)
        slow = milliseconds >= SLOW_MS
        if slow or self._log_requests:
            fields = {"status": status, "duration_ms": round(milliseconds, 3), **(log_fields(request) if request else {})}
            log.log(logging.WARNING if slow else logging.DEBUG, "slow request" if slow else "request", extra=fields)

    def _refusal(self) -> ServeError | None:
        """Why the request may not come in; None lets it in, and it must leave the gate."""
        spec = self._service.spec
        if not self._service.ready:
            return _starting(self._service)
        if not self._gate.enter():
            return Overloaded(f"{spec.max_replica_concurrency} requests are in flight already (max_replica_concurrency)")
        return None

    def _describe(self) -> Answer:
        service = self._service
        if not service.ready:
            return error_answer(_starting(service))
        body: dict[str, Any] = {"message": f"make a prediction: POST {service.spec.endpoint} with a JSON body"}
        if service.models is not None:
            body["model_metadata"] = service.models.metadata()
        return json_answer(200, body)

    def _status(self) -> Answer:
        from runtime_handler.status import status_of  # here, for no prediction needs it

        return json_answer(200, status_of(self._service))

    def _readiness(self) -> Answer:
        if self._service.ready and self._gate.ready():
            return json_answer(200, {"ready": True})
        return error_answer(_starting(self._service))


def status_class(status: int) -> str:
    """The value of StatusCode's dimension `Code`, such as 2XX."""
    return STATUS_CLASSES[status // 100]


def _starting(service: Service) -> NotReady:
    return NotReady(f"{service.spec.name} is starting")


def _identified(answer: Answer, identity: str) -> Answer:
    for name, _ in answer.headers:
        if name == b"x-request-id":  # the user's code has set one
            return answer
    answer.headers.append((b"x-request-id", identity.encode("latin-1")))
    return answer
