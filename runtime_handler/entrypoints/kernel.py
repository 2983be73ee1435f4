"""What a server asks of the kernel: many open files, and, as a supervisor, what a dead worker cannot tell any more."""

import contextlib
import socket
import struct
import sys

BYTES_ACKED, BYTES_RECEIVED = 120, 128
"""Offsets of tcpi_bytes_acked and tcpi_bytes_received, 64 bits each, in Linux's struct tcp_info (since 4.1)."""
UNKNOWN = (OSError, struct.error, ImportError, AttributeError)
"""What a kernel without these counts raises."""


def bytes_read(connection: socket.socket) -> int | None:
    """How many bytes were ever read from the connection; None where the kernel does not say."""
    with contextlib.suppress(*UNKNOWN):
        import termios

        return _tcp_info(connection, BYTES_RECEIVED) - _queued(connection, termios.FIONREAD)
    return None


def bytes_written(connection: socket.socket) -> int | None:
    """How many bytes were ever written to the connection, sent or not; None where the kernel does not say."""
    with contextlib.suppress(*UNKNOWN):
        import termios

        while True:  # until nothing was acknowledged between the two looks
            acknowledged = _tcp_info(connection, BYTES_ACKED)
            written = acknowledged + _queued(connection, termios.TIOCOUTQ)
            if _tcp_info(connection, BYTES_ACKED) == acknowledged:
                return written
    return None


def _tcp_info(connection: socket.socket, offset: int) -> int:
    (count,) = struct.unpack_from("Q", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), offset)
    return int(count)


def _queued(connection: socket.socket, request: int) -> int:
    import fcntl

    count = bytearray(4)
    fcntl.ioctl(connection.fileno(), request, count, True)
    return int.from_bytes(count, sys.byteorder)


def allow_open_files() -> None:
    """As many as the platform lets us have: one for each connection, and with several processes one more in its worker."""
    with contextlib.suppress(ValueError, OSError, ImportError):  # Windows has no such limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
