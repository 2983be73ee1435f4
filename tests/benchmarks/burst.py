"""A burst of new connections on a busy server: `python burst.py PORT BODY BURSTS` prints the slowest answer of each, in ms.

Every connection sends one request; its answer's time counts from before it connects. Run on the load generator's core.
"""

import select
import socket
import sys
import time

CONNECTIONS = 64
PAUSE_S = 0.1


def slowest_ms(port: int, request: bytes) -> float:
    """Of CONNECTIONS that begin at once. Raises RuntimeError when one is not answered 200."""
    began: dict[int, float] = {}
    sockets: dict[int, socket.socket] = {}
    answers = select.epoll()
    slowest = 0.0
    try:
        for _ in range(CONNECTIONS):
            connection = socket.socket()
            began[connection.fileno()] = time.perf_counter()
            sockets[connection.fileno()] = connection
            connection.connect(("127.0.0.1", port))
            connection.send(request)
            answers.register(connection, select.EPOLLIN | select.EPOLLONESHOT)
        waiting = set(sockets)
        while waiting:
            for descriptor, _ in answers.poll(30) or [(-1, 0)]:
                if descriptor < 0 or not sockets[descriptor].recv(65536).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError("a connection of the burst was not answered")
                slowest = max(slowest, time.perf_counter() - began[descriptor])
                waiting.remove(descriptor)
    finally:
        answers.close()
        for connection in sockets.values():
            connection.close()
    return slowest * 1000


def main(port: str, body: str, bursts: str) -> None:
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    for _ in range(int(bursts)):
        print(slowest_ms(int(port), (head + body).encode()))
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
