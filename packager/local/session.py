"""One run of `cxpack local`: contexts in a temporary folder, a replica each, the front before them, all of it stopped."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from packager.local.front import Front
from packager.local.replica import Replica

if TYPE_CHECKING:
    import httpx

READY_POLL_SECONDS = 0.1


class PortTaken(Exception):
    """Another program listens on the address."""


def listen(host: str, port: int) -> socket.socket:
    """The listening socket of the front; taken first, so that a taken port costs nothing but a sentence.

    Raises PortTaken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror}); choose another port with --port") from None
    return listener


async def run(replicas: Sequence[Replica], listener: socket.socket, address: str, ready: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM, or until the last replica has ended; the exit status.

    `ready` is called with each API's URL when it answers predictions.
    """
    import httpx

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    # No limit on time or number: a prediction may take minutes, and the replica has limits of its own.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(timeout=None, limits=limits, trust_env=False) as client:  # noqa: S113 - see above
        client.headers.clear()  # what the caller did not send, the predictor must not see
        async with _front(Front(replicas, client), listener):
            for replica in replicas:
                await replica.start()
            watchers = [asyncio.create_task(_watch(replica, client, address, ready)) for replica in replicas]
            ended = asyncio.gather(*watchers)
            ended.add_done_callback(lambda _: stopping.set())
            await stopping.wait()
            failed = ended.done()
            await asyncio.gather(*(replica.stop() for replica in replicas))
            await ended
    return 1 if failed else 0


async def _watch(replica: Replica, client: "httpx.AsyncClient", address: str, ready: Callable[[str], None]) -> None:
    ended = asyncio.create_task(replica.ended())
    while not ended.done() and not await _is_ready(replica, client):
        await asyncio.wait([ended], timeout=READY_POLL_SECONDS)
    if not ended.done():
        ready(address + replica.endpoint)
    status = await ended
    if status > 0:
        replica.say(f"{replica.name}: ended with exit status {status}; the lines above say why")


async def _is_ready(replica: Replica, client: "httpx.AsyncClient") -> bool:
    import httpx

    try:
        return (await client.get(f"http://127.0.0.1:{replica.port}/-/ready")).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def _front(app: Front, listener: socket.socket) -> AsyncIterator[None]:
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to us: the replicas must end before the front does."""

        @contextmanager
        def capture_signals(self):  # type: ignore[no-untyped-def] # a generator whose type uvicorn does not publish
            yield

    config = uvicorn.Config(app, lifespan="off", log_level="warning", date_header=False, server_header=False)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
