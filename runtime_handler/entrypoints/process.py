"""One serving process: uvicorn on an event loop, user code on threads of its own.

It answers before the predictor is constructed: health checks see 200, readiness checks 503.
"""

import asyncio
import gc
import logging
import signal
from typing import cast

import orjson  # noqa: F401  from then on `codec` reads every body with it
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime_handler.admission import Gate
from runtime_handler.app import App, Run
from runtime_handler.asgi import Asgi, BrokenOff, completed
from runtime_handler.contract import IDLE_S
from runtime_handler.entrypoints.compose import Composed
from runtime_handler.entrypoints.connections import Connections
from runtime_handler.entrypoints.direct import DirectProtocol
from runtime_handler.entrypoints.direct_exchange import predicting
from runtime_handler.entrypoints.flushes import Flushes
from runtime_handler.entrypoints.report import report
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.errors import StartError
from runtime_handler.metrics.in_flight import InFlightSampler
from runtime_handler.metrics.recorder import NullRecorder
from runtime_handler.request_batches import RequestBatches
from runtime_handler.sagemaker import MultiModel
from runtime_handler.service import Service
from runtime_handler.threads import Threads

DRAIN_S = 24
"""How long requests in flight may take after SIGTERM; ECS and SageMaker kill after 30 s."""
CANCEL_S = 25
"""When what still runs on the loop is cancelled."""
KEEP_ALIVE_S = IDLE_S + 15
"""The load balancer must be the one that closes an idle connection: a request that it sends into one just closed gets 502."""

log = logging.getLogger("cxpack")


class Server(uvicorn.Server):
    """uvicorn, with its signal handling left to us: it would end the process with the signal that it caught."""

    exit_code = 0

    def stop(self, exit_code: int = 0) -> None:
        """Finish the requests in flight, and end; to be called on the loop."""
        if not self.should_exit:
            asyncio.get_running_loop().call_later(DRAIN_S, self._give_up)
        self.exit_code = exit_code
        self.should_exit = True

    def _give_up(self) -> None:
        for protocol in list(self.server_state.connections):
            cast("DirectProtocol", protocol).give_up()


def run_process(composed: Composed, settings: Settings, connections: Connections, gate: Gate, *, samples: bool) -> int:
    """Serve until SIGTERM or SIGINT; the exit code, with which the process should end.

    `samples`: this process records what is in flight on the replica.
    """
    # asyncio.run would wait for what runs on threads, and end requests that are to be counted as given up.
    return completed(_new_loop(), _serve(composed, settings, connections, gate, samples=samples))


async def _serve(composed: Composed, settings: Settings, connections: Connections, gate: Gate, *, samples: bool) -> int:
    service, recorder = composed.service, composed.recorder
    loop = asyncio.get_running_loop()
    threads = Threads(service.spec.predictor.threads_per_process, loop)
    service.run_post_predict_with(threads.run_later)
    multi_model = MultiModel(lambda: composed.manager.folders if composed.manager else None, asyncio.to_thread)
    app = App(
        service,
        _runner(service, threads),
        recorder,
        gate=gate,
        load_docs=lambda: asyncio.to_thread(_load_docs, service),
        multi_model=multi_model if settings.multi_model else None,
        replica_status=connections.siblings.status if connections.siblings is not None else None,
    )
    direct = App(service, predicting(service, threads), recorder, gate=gate)
    server = Server(_config(app, connections.protocol.of(direct, _direct_paths(direct, service))))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    flushes = Flushes(recorder.flush)
    connections.begin(server)
    beside = (
        asyncio.create_task(_start(threads, composed, server, settings.poll_s, connections)),
        asyncio.create_task(_measure(InFlightSampler(gate.in_flight, recorder if samples else NullRecorder(), flushes.begin))),
    )
    await server._serve(connections.listeners)  # serve() without its signal handlers
    if cancelled := list(server.server_state.tasks):
        await asyncio.wait(cancelled, timeout=0.5)  # each counts itself
    for task in beside:
        task.cancel()
    threads.close(timeout=2)
    if composed.manager is not None:
        composed.manager.close()
    for _ in range(gate.in_flight() if samples else 0):  # given up; the supervisor counts those of its workers
        recorder.record("StatusCode", 1, Code="5XX")
    flushes.end()
    return server.exit_code


def _runner(service: Service, threads: Threads) -> Run:
    batching = service.spec.predictor.batching
    if batching is not None and service.batches_requests:
        return RequestBatches(threads, service.outcomes, batching).run
    return lambda request: threads.run(service.predict, request)


def _direct_paths(app: App, service: Service) -> frozenset[bytes]:
    """Those of predictions, unless requests share calls: a batch is not one thread's answer to one request."""
    return frozenset() if service.batches_requests else frozenset(path.encode() for path in app.predict_paths)


def _config(app: App, protocol: type[HttpToolsProtocol]) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CANCEL_S,
    )
    config.load()
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return config


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is neither said already, of the user's code, nor our own doing."""
    return record.exc_info is None or not isinstance(record.exc_info[1], BrokenOff | asyncio.CancelledError)


async def _start(threads: Threads, composed: Composed, server: Server, poll_s: float, connections: Connections) -> None:
    try:
        await threads.run(composed.service.start)
    except StartError as error:
        report(error)
        server.stop(exit_code=1)
        return
    except Exception:  # ours: whoever waits for this server to be ready must not wait for ever
        log.exception("the start failed unexpectedly")
        server.stop(exit_code=1)
        return
    gc.collect()
    gc.freeze()  # models and libraries stay; walking them in every full collection is what makes a tail long
    log.info("ready")
    connections.ready()
    if composed.manager is not None:
        from runtime_handler.models.refresh import ThreadRefresh  # here, for an API without models does without

        ThreadRefresh(composed.manager, poll_s).start()


def _load_docs(service: Service) -> Asgi:
    from runtime_handler.docs import house  # here, for FastAPI takes a third of a second and 20 MB

    return cast("Asgi", house(service))  # Starlette types messages as mutable


async def _measure(sampler: InFlightSampler) -> None:
    while True:
        await asyncio.sleep(1)
        sampler.tick()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
