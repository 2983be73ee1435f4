"""Load on a replica whose workers are killed one after the other."""

import asyncio
import itertools
import os
import random
import signal
from collections import Counter
from pathlib import Path

from tests.runtime_handler.entrypoints.test_supervisor import WHO, children, two
from tests.runtime_handler.harness import Server, serving

CONNECTIONS = 64
KILLS = int(os.environ.get("CXPACK_GATE_WORKER_KILLS", "4"))
LIFE_S = float(os.environ.get("CXPACK_GATE_WORKER_LIFE", "0.5"))
"""Seconds between two kills, before the first and after the last."""


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """One response: status, body, and whether the connection stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    return status, await reader.readexactly(int(headers[b"content-length"])), headers.get(b"connection") != b"close"


async def ask_until(stop: asyncio.Event, port: int, numbers: "itertools.count[int]", seen: Counter[str]) -> None:
    """One caller, on one connection for as long as it lasts."""
    while not stop.is_set():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        keep = True
        while keep and not stop.is_set():
            number = next(numbers)
            body = str(number).encode()
            writer.write(
                b"POST /iris HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            try:
                status, content, keep = await asyncio.wait_for(answer(reader), 30)
            except (asyncio.IncompleteReadError, ConnectionError):
                seen["cut"] += 1
                break
            if status == 503:
                seen["refused"] += 1
            else:
                seen["right" if content.endswith(b'"payload": %d}' % number) else "wrong"] += 1
        writer.close()


async def load(server: Server, seen: Counter[str]) -> None:
    """Callers on all connections, and one worker killed after the other."""
    stop = asyncio.Event()
    numbers = itertools.count()
    callers = [asyncio.create_task(ask_until(stop, server.port, numbers, seen)) for _ in range(CONNECTIONS)]
    for _ in range(KILLS):
        await asyncio.sleep(LIFE_S)
        os.kill(random.choice(children(server.process.pid)), signal.SIGKILL)
    await asyncio.sleep(LIFE_S)
    stop.set()
    await asyncio.gather(*callers)


def test_only_the_requests_of_a_killed_worker_fail_and_with_503(tmp_path: Path) -> None:
    """Nobody gets a wrong answer or none; at most the requests that were with a dead worker are refused."""
    seen: Counter[str] = Counter()
    with serving(two({"predictor.py": WHO}, tmp_path)) as server:
        asyncio.run(load(server, seen))
        assert server.stop() == 0
    print(f"{CONNECTIONS} connections, {KILLS} kills, {(KILLS + 1) * LIFE_S:g} s: {dict(seen)}")
    assert seen["wrong"] == 0
    assert seen["right"] > CONNECTIONS
    assert seen["cut"] == 0
    assert seen["refused"] <= KILLS * CONNECTIONS
