"""The processes of a replica, as they tell each other their status, so that whichever is asked for it speaks for all.

Each has a mailbox: sockets that are made before the first fork, so that nothing lies on a disk, nobody else can reach them,
and who takes a dead one's place has what that one had. A question is an end of a new pair of sockets, put into the mailbox;
the answer is written there, and ends with it.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from runtime_handler.codec import dump_json, parse_json
from runtime_handler.entrypoints.board import Board
from runtime_handler.errors import BadPayload
from runtime_handler.replica_status import Status, merged
from runtime_handler.service import Service
from runtime_handler.status import status_of

PATIENCE_S = 1.0
"""How long the others together may take to answer, and a process to be rid of its answer."""
MOST_BYTES = 16 << 20
"""Of an answer: tens of thousands of model versions."""
CHUNK_BYTES = 1 << 16

Mailbox = tuple[socket.socket, socket.socket]
"""Where its process reads, and where the others write."""


def make_mailboxes(workers: int) -> Sequence[Mailbox]:
    """To be called before the first fork."""
    return [_pair(socket.SOCK_SEQPACKET) for _ in range(workers)]


class Siblings:
    """The other processes of an API's replica, as worker `number` sees them. To be used on its event loop."""

    def __init__(self, board: Board, number: int, mailboxes: Sequence[Mailbox], service: Service) -> None:
        self._board, self._number, self._mailboxes, self._service = board, number, mailboxes, service
        self._answering: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """The API is ready here: from now on the others ask, and are answered."""
        asyncio.get_running_loop().add_reader(self._mailboxes[self._number][0].fileno(), self._take_up)
        self._board.set_tells(self._number)

    async def status(self) -> dict[str, Any]:
        """The status of the replica. Who is starting, dying or stuck is not among those that `answered`; see `merged`."""
        numbers = [number for number in range(self._board.workers) if number != self._number and self._board.tells(number)]
        asked = [asyncio.create_task(self._ask(number)) for number in numbers]
        told, late = await asyncio.wait(asked, timeout=PATIENCE_S) if asked else (set(), set())
        for task in late:
            task.cancel()
        # On a thread, for a replica may have thousands of models, and predictions do not wait for this.
        return await asyncio.to_thread(self._merged, [task.result() for task in told])

    def _merged(self, answers: Sequence[bytes]) -> dict[str, Any]:
        others: list[Status] = []
        for answer in answers:
            with suppress(BadPayload):  # it died in the middle of it
                others.append(parse_json(answer))
        return merged(status_of(self._service), others)

    async def _ask(self, number: int) -> bytes:
        """What another process says; nothing, or half of it, when it ends meanwhile."""
        said = bytearray()
        with suppress(OSError):  # its mailbox is full, for it reads nothing; or there are too many open files
            ours, theirs = _pair(socket.SOCK_STREAM)
            with ours:
                with theirs:
                    socket.send_fds(self._mailboxes[number][1], [b"?"], [theirs.fileno()])
                while len(said) < MOST_BYTES and (chunk := await asyncio.get_running_loop().sock_recv(ours, CHUNK_BYTES)):
                    said += chunk
        return bytes(said)

    def _take_up(self) -> None:
        with suppress(OSError):
            _, descriptors, _, _ = socket.recv_fds(self._mailboxes[self._number][0], 1, 1, socket.MSG_CMSG_CLOEXEC)
            for descriptor in descriptors:  # none, when there are too many open files
                task = asyncio.create_task(self._answer(socket.socket(fileno=descriptor)))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
                asyncio.get_running_loop().call_later(PATIENCE_S, task.cancel)

    async def _answer(self, asker: socket.socket) -> None:
        with asker, suppress(OSError):  # it waits no longer
            asker.setblocking(False)
            answer = await asyncio.to_thread(lambda: dump_json(status_of(self._service)))
            await asyncio.get_running_loop().sock_sendall(asker, answer)


def _pair(kind: socket.SocketKind) -> Mailbox:
    pair = socket.socketpair(socket.AF_UNIX, kind)
    for end in pair:
        end.setblocking(False)
    return pair
