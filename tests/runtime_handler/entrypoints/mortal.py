"""A worker that dies at every point at which it could, on one connection, and what its supervisor would do then.

Run in a context folder with the requests' hex and the number of their answers; prints one JSON line for each death.
"""

import asyncio
import contextlib
import gc
import json
import os
import re
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from runtime_handler.entrypoints.board import Board, WorkerGate
from runtime_handler.entrypoints.compose import Composed, compose, read_spec
from runtime_handler.entrypoints.connections import READY, SLOT_BYTES, Handed
from runtime_handler.entrypoints.kernel import bytes_read, bytes_written
from runtime_handler.entrypoints.process import run_process
from runtime_handler.entrypoints.settings import Settings, read_settings
from runtime_handler.entrypoints.tracked import TrackedProtocol

QUIET_S = 0.03
ANSWER = re.compile(rb"HTTP/1.1 (?!100)\d+ .*?\r\n\r\n", re.DOTALL)


class Life:
    """Ends the process after some steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class MortalWords:
    """Words of a board, each write to which is a step."""

    def __init__(self, words: Any, life: Life) -> None:
        self._words, self._life = words, life

    def __getitem__(self, slot: int) -> int:
        return int(self._words[slot])

    def __setitem__(self, slot: int, word: int) -> None:
        self._life.step()
        self._words[slot] = word


class MortalTransport:
    """A transport with a step before and after each write, and when it is certainly out."""

    def __init__(self, transport: Any, life: Life) -> None:
        self._transport, self._life = transport, life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._life.step()
        self._transport.write(data)
        self._life.step()
        asyncio.get_running_loop().call_later(0.001, self._life.step)


def work(composed: Composed, settings: Settings, channel: socket.socket, board: Board, steps: int) -> None:
    """Serve as a worker does, for some steps."""
    life = Life(steps)
    gate = WorkerGate(board, 0, 8)
    for name in ("taken", "now", "then"):
        setattr(board, name, MortalWords(getattr(board, name), life))

    class MortalProtocol(TrackedProtocol):
        def connection_made(self, transport: Any) -> None:
            life.step()
            super().connection_made(MortalTransport(transport, life))

        def data_received(self, data: bytes) -> None:
            life.step()
            super().data_received(data)
            life.step()

    connections = Handed(channel, board, number=0)
    connections.protocol = MortalProtocol
    run_process(composed, settings, connections, gate, samples=False)


def answers_in(received: bytes) -> tuple[int, bytes]:
    """How many whole answers there are, and what is there of the next."""
    received = received.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    count = 0
    while head := ANSWER.match(received):
        length = re.search(rb"content-length: (\d+)", head[0])
        end = head.end() + int(length[1]) if length else received.find(b"\r\n0\r\n\r\n", head.end() - 2) + 7
        if end > len(received) or end < head.end():
            break
        count, received = count + 1, received[end:]
    return count, received


def die(composed: Composed, settings: Settings, requests: bytes, count: int, steps: int) -> bool:
    """Tell of one death; whether the worker lived through all of it, and was killed with nothing left to do."""
    board = Board(1, 1)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as caller, ours:
        pid = os.fork()
        if pid == 0:
            work(composed, settings, theirs, board, steps)
            os._exit(0)
        theirs.close()
        assert ours.recv(64) == READY
        caller.connect(listener.getsockname())
        connection, _ = listener.accept()
        board.begin(0, taken=0, written=bytes_written(connection))
        socket.send_fds(ours, [(0).to_bytes(SLOT_BYTES, "big")], [connection.fileno()])
        caller.sendall(requests)
        received = b""
        dead = os.pidfd_open(pid)
        while True:
            ready, _, _ = select.select([caller, dead], [], [], QUIET_S)
            if caller in ready:
                received += caller.recv(65536)
            elif dead in ready or (not ready and answers_in(received)[0] == count):
                break
        lived = not ready
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(dead)
        caller.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while chunk := caller.recv(65536):
                received += chunk
        counts = {"written": bytes_written(connection), "read": bytes_read(connection)}
        fate = board.fate(0, **counts)
        answers, rest = answers_in(received)
        print(
            json.dumps({"steps": steps, "lived": lived, "fate": fate.name, "answers": answers, "rest": rest.decode(), **counts})
        )
        connection.close()
        return lived


def main(requests: bytes, count: int) -> None:
    """One death after another."""
    settings = read_settings({"CXPACK_API": str(Path("api.json").resolve())})
    composed = compose(read_spec(settings), settings)
    composed.service.start()  # once more in each worker, which then finds everything imported
    gc.freeze()
    steps = 0
    while not die(composed, settings, requests, count, steps):
        steps += 1


if __name__ == "__main__":
    main(bytes.fromhex(sys.argv[1]), int(sys.argv[2]))
