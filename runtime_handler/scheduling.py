"""Which threads give way to which, as far as the kernel decides it."""

import contextlib
import os


def give_way() -> None:
    """Have this thread, and those that it starts, not interrupt others when they wake up.

    The kernel otherwise lets who wakes up run at once. A thread that does so often, because it reads, writes or waits for
    the interpreter's lock, interrupts whoever answers requests; its share of the processor stays the same (sched(7),
    SCHED_BATCH). A lower priority would take that, too, and with it the processor from who holds the interpreter's lock.
    """
    if hasattr(os, "SCHED_BATCH"):  # Linux
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
