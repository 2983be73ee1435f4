"""Memory that models leave behind: one pool is returned whole, one for each thread is not."""

import os
import subprocess
import sys

import pytest

RETAINED = """
import sys, threading
from runtime_handler.allocator import share_one_pool
from runtime_handler.memory_limit import resident_bytes
from runtime_handler.models.reclaim import Reclaimer

if sys.argv[1] == "one":
    share_one_pool()

def models_in_turn(done, end):
    for size in (31 << 20, 20 << 20):
        model = b"x" * size
        del model
    done.set()
    end.wait()

end, threads = threading.Event(), [threading.Event() for _ in range(4)]
before = resident_bytes()
for done in threads:
    threading.Thread(target=models_in_turn, args=(done, end)).start()
    done.wait()
reclaimer = Reclaimer()
reclaimer.freed(object(), 1 << 30)
reclaimer.run()
print(resident_bytes() - before)
end.set()
"""


@pytest.mark.parametrize(
    ("pools", "environment", "kept"),
    [("one", {}, False), ("many", {}, True), ("one", {"MALLOC_ARENA_MAX": "8"}, True)],
    ids=["one", "many", "as the user says"],
)
def test_no_thread_keeps_what_models_left(pools: str, environment: dict[str, str], kept: bool) -> None:
    """With one pool all that was freed goes back to the kernel; a user who tells glibc how many there may be is obeyed."""
    command = [sys.executable, "-c", RETAINED, pools]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=True)
    assert (int(done.stdout) > 40 << 20) is kept
