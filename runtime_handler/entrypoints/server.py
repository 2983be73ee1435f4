"""The HTTP server of ECS, SageMaker and `cxpack local`: one process, or a supervisor with as many as the API asks for."""

import logging
import socket

from runtime_handler.admission import ProcessGate
from runtime_handler.entrypoints.compose import compose, read_spec
from runtime_handler.entrypoints.connections import OwnListener
from runtime_handler.entrypoints.kernel import allow_open_files
from runtime_handler.entrypoints.process import run_process
from runtime_handler.entrypoints.settings import Settings
from runtime_handler.errors import StartError

BACKLOG = 2048

log = logging.getLogger("cxpack")


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code of the process. Raises StartError when it cannot begin to."""
    spec = read_spec(settings)
    listener = listen(settings.host, settings.port)
    allow_open_files()
    composed = compose(spec, settings, imports_first=True)
    log.info("listening on %s port %d", *listener.getsockname()[:2])
    if spec.predictor.processes_per_replica == 1:
        return run_process(composed, settings, OwnListener(listener), ProcessGate(spec.max_replica_concurrency), samples=True)
    from runtime_handler.entrypoints.supervisor import Supervisor  # here, for most replicas are one process

    return Supervisor(composed, settings, listener).run()


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
