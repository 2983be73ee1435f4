"""The HTTP server of ECS, SageMaker and `cxpack local`: uvicorn around the app, user code on threads of its own.

The port is bound and answers before the predictor is constructed: health checks see 200, readiness checks 503.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from typing import cast

import uvicorn

from runtime_handler.app import App
from runtime_handler.asgi import Asgi
from runtime_handler.entrypoints.compose import Composed, compose, read_spec
from runtime_handler.entrypoints.report import report
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.errors import StartError
from runtime_handler.metrics.emf_recorder import EmfRecorder
from runtime_handler.metrics.in_flight import InFlightSampler
from runtime_handler.sagemaker import MultiModel
from runtime_handler.service import Service
from runtime_handler.threads import Threads

DRAIN_S = 25
"""How long requests in flight may take after SIGTERM; ECS and SageMaker kill after 30 s."""
KEEP_ALIVE_S = 75
"""Longer than the 60 s of a load balancer, which must be the one that closes an idle connection."""
BACKLOG = 2048

log = logging.getLogger("cxpack")


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code of the process. Raises StartError when it cannot begin to."""
    spec = read_spec(settings)
    listener = listen(settings.host, settings.port)
    composed = compose(spec, settings)
    log.info("listening on %s port %d", *listener.getsockname()[:2])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(composed, listener, settings.poll_s, multi_model=settings.multi_model))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise StartError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    listener.listen(BACKLOG)
    return listener


class _Server(uvicorn.Server):
    """uvicorn, with its signal handling left to us: it would end the process with the signal that it caught."""

    exit_code = 0

    def stop(self, exit_code: int = 0) -> None:
        self.exit_code = exit_code
        self.should_exit = True


async def _serve(composed: Composed, listener: socket.socket, poll_s: float, *, multi_model: bool) -> int:
    service, recorder = composed.service, composed.recorder
    loop = asyncio.get_running_loop()
    threads = Threads(service.spec.predictor.threads_per_process, loop)
    service.run_post_predict_with(threads.run_later)
    app = App(
        service,
        lambda request: threads.run(service.predict, request),
        recorder,
        load_docs=lambda: asyncio.to_thread(_load_docs, service),
        multi_model=MultiModel(lambda: composed.manager.folders if composed.manager else None, asyncio.to_thread)
        if multi_model
        else None,
    )
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    beside = (
        asyncio.create_task(_start(threads, composed, server, poll_s)),
        asyncio.create_task(_measure(app, recorder)),
    )
    await server._serve([listener])  # serve() without its signal handlers
    for task in beside:
        task.cancel()
    threads.close(timeout=2)
    if composed.manager is not None:
        composed.manager.close()
    recorder.flush()
    return server.exit_code


async def _start(threads: Threads, composed: Composed, server: _Server, poll_s: float) -> None:
    try:
        await threads.run(composed.service.start)
    except StartError as error:
        report(error)
        server.stop(exit_code=1)
        return
    log.info("ready")
    if composed.manager is not None:
        from runtime_handler.models.refresh import ThreadRefresh  # here, for an API without models does without

        ThreadRefresh(composed.manager, poll_s).start()


def _load_docs(service: Service) -> Asgi:
    from runtime_handler.docs import house  # here, for FastAPI takes a third of a second and 20 MB

    return cast("Asgi", house(service))  # Starlette types messages as mutable


async def _measure(app: App, recorder: EmfRecorder) -> None:
    loop = asyncio.get_running_loop()

    def flush() -> None:
        loop.run_in_executor(None, recorder.flush)  # a full pipe must not hold up the loop

    sampler = InFlightSampler(lambda: app.in_flight, recorder, flush)
    while True:
        await asyncio.sleep(1)
        sampler.tick()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows has none
        return None
    return uvloop.new_event_loop
