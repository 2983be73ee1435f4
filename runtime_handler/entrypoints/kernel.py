"""What the supervisor asks of the kernel: many open files, and what a dead worker cannot tell any more."""

import contextlib
import socket
import struct

BYTES_RECEIVED = 128
"""Offset of tcpi_bytes_received, 64 bits, in Linux's struct tcp_info (since 4.1)."""


def bytes_taken(connection: socket.socket) -> int | None:
    """How many bytes were ever read from the connection; None where the kernel does not say."""
    with contextlib.suppress(OSError, struct.error, ImportError, AttributeError):
        import fcntl
        import termios

        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        (received,) = struct.unpack_from("Q", info, BYTES_RECEIVED)
        unread = bytearray(4)
        fcntl.ioctl(connection.fileno(), termios.FIONREAD, unread, True)
        return int(received) - int.from_bytes(unread, "little")
    return None


def allow_open_files() -> None:
    """As many as the platform lets us have: every connection is open in the supervisor and in its worker."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
