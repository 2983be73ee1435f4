"""One run of `cxpack local`: contexts in a temporary folder, a replica each, the front before them, all of it stopped."""

import asyncio
import logging
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

Say = Callable[[str], None]
Changes = AsyncIterator[Sequence[Replica]]


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


class Session:
    """The replicas behind the front: started, watched, replaced and stopped.

    `ready` takes the URL of each API that has come to answer predictions, `say` every other line.
    """

    def __init__(self, front: Front, client: "httpx.AsyncClient", address: str, ready: Say, say: Say) -> None:
        self._front = front
        self._client = client
        self._address = address
        self._ready = ready
        self._say = say
        self._lives: dict[Replica, asyncio.Task[None]] = {}

    async def start(self, replica: Replica) -> None:
        """Start the replica, at once behind the front, where it answers 503 until it is ready."""
        await replica.start()
        self._front.replicas[replica.endpoint] = replica
        self._lives[replica] = asyncio.create_task(self._live(replica))

    async def replace(self, replica: Replica) -> None:
        """Start the replica beside the one at its endpoint, which goes on serving until this one is ready, or for good."""
        old = self._front.replicas.get(replica.endpoint)
        if old is None or not old.running:
            await self.start(replica)
            return
        await replica.start()
        if not await self._until_ready(replica):
            await replica.ended()
            self._say(f"{replica.name}: the new code does not start, the lines above say why; the old one goes on serving")
            return
        self._front.replicas[replica.endpoint] = replica
        self._lives[replica] = asyncio.create_task(self._live(replica, restarted=True))
        self._say(f"{replica.name}: restarted with the new code")
        await old.stop()

    async def all_ended(self) -> None:
        """Wait until no replica runs any more."""
        while waiting := [life for life in self._lives.values() if not life.done()]:
            await asyncio.wait(waiting)

    async def stop(self) -> None:
        """End every replica, in order."""
        await asyncio.gather(*(replica.stop() for replica in self._lives))
        await asyncio.gather(*self._lives.values())

    async def _live(self, replica: Replica, *, restarted: bool = False) -> None:
        if not restarted and await self._until_ready(replica):
            self._ready(self._address + replica.endpoint)
        status = await replica.ended()
        if status > 0:
            self._say(f"{replica.name}: ended with exit status {status}; the lines above say why")

    async def _until_ready(self, replica: Replica) -> bool:
        while replica.running:
            if await self._is_ready(replica):
                return True
            await asyncio.sleep(READY_POLL_SECONDS)
        return False

    async def _is_ready(self, replica: Replica) -> bool:
        import httpx

        try:
            return (await self._client.get(f"http://127.0.0.1:{replica.port}/-/ready")).status_code == 200
        except httpx.TransportError:
            return False


async def run(
    replicas: Sequence[Replica], listener: socket.socket, address: str, *, ready: Say, say: Say, changes: Changes | None = None
) -> int:
    """Serve until SIGINT or SIGTERM, or until the last replica has ended; the exit status.

    `changes` gives the replicas to start in place of others; as long as some may come, no end of a replica is the last.
    """
    import httpx

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    # No limit on time or number: a prediction may take minutes, and the replica has limits of its own. Idle connections
    # are dropped before the replica would drop them, for a request may be on its way just then.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=2)
    async with httpx.AsyncClient(timeout=None, limits=limits, trust_env=False) as client:  # noqa: S113 - see above
        client.headers.clear()  # what the caller did not send, the predictor must not see
        front = Front(client)
        session = Session(front, client, address, ready, say)
        async with _serving(front, listener):
            for replica in replicas:
                await session.start(replica)
            over = asyncio.create_task(session.all_ended() if changes is None else _follow(session, changes))
            stopped = asyncio.create_task(stopping.wait())
            await asyncio.wait([over, stopped], return_when=asyncio.FIRST_COMPLETED)
            failed = not stopping.is_set()
            for task in (over, stopped):
                task.cancel()
            await session.stop()
    return 1 if failed else 0


async def _follow(session: Session, changes: Changes) -> None:
    async for replicas in changes:
        for replica in replicas:
            await session.replace(replica)


@asynccontextmanager
async def _serving(app: Front, listener: socket.socket) -> AsyncIterator[None]:
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to us: the replicas must end before the front does."""

        @contextmanager
        def capture_signals(self):  # type: ignore[no-untyped-def] # a generator whose type uvicorn does not publish
            yield

    config = uvicorn.Config(app, lifespan="off", log_level="warning", date_header=False, server_header=False)
    # A replica that breaks off an answer has said why.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing" not in record.msg)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
