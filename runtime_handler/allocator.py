"""How the C library of this process keeps memory that was freed.

glibc (2.26 and later) gives each thread a pool of its own, and learns to keep freed blocks of up to 32 MiB for whoever asks next.
`malloc_trim`, which returns them to the kernel, leaves the ends of all pools but the first: models of 6 to 50 MiB that
four threads loaded in each other's place within 175 MiB took 285, and 180 where all threads share the first pool. Larger
blocks never stay in a pool; to have smaller ones treated so, too, would cost requests that make such arrays two to four times
their time.
"""

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress

_M_ARENA_MAX = -8
_USERS_OWN = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def share_one_pool(environ: Mapping[str, str] = os.environ) -> None:
    """Have all threads that start from now on share the first pool, unless the user told glibc otherwise.

    For a process in which models make room for each other, before it has threads.
    """
    if not any(name in environ for name in _USERS_OWN):
        with suppress(AttributeError, OSError):  # musl and macOS have no such thing
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
