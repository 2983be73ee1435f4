"""The end of a serving process, which waits for no thread of the user's code."""

import atexit
import contextlib
import os
import sys
import threading
import time
from typing import NoReturn

PATIENCE_S = 2.0
"""How long what is registered to run at exit may take, and the last output."""


def leave(exit_code: int, *, forked: bool = False) -> NoReturn:
    """End this process; one that was forked leaves what is registered to run at exit to its parent."""
    with contextlib.suppress(RuntimeError):  # the system has no room for one more thread now
        threading.Thread(target=_leave_late, args=(exit_code,), daemon=True).start()
    if not forked:
        atexit._run_exitfuncs()  # sys.exit() would wait for threads that are no daemons and for executors' jobs before
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed, or by now something of the user's
            stream.flush()
    os._exit(exit_code)


def _leave_late(exit_code: int) -> None:
    time.sleep(PATIENCE_S)
    os._exit(exit_code)
