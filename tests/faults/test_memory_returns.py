"""Memory of unloaded models goes back to the operating system."""

import os
import subprocess
import sys
from pathlib import Path

CYCLES = int(os.environ.get("CXPACK_GATE_CYCLES", "20"))
MEGABYTES = int(os.environ.get("CXPACK_GATE_MEGABYTES", "20"))
ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys, tempfile
from pathlib import Path
from runtime_handler.models.lease import Lease
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

cycles, megabytes = int(sys.argv[1]), int(sys.argv[2])
SIZE = megabytes << 20

def resident():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024

def load(path, name):
    return [bytearray(b"x" * 50_000) for _ in range(SIZE // 50_000)]  # below the size that malloc maps on its own

bucket = FakeBucket(Clock(), {f"models/{name}/model": "x" * (9 << 20) for name in "ab"})
manager = a_manager(Path(tempfile.mkdtemp()), bucket, cache=(1, 2), load=load)
manager.start()
for cycle in range(cycles):
    with Lease():
        manager.get("ab"[cycle % 2])
    print(resident(), flush=True)
"""


def test_load_and_unload_leaves_no_slope() -> None:
    """Cycles of loading one model in the place of another: the resident size is flat after the first few."""
    command = [sys.executable, "-c", SCRIPT, str(CYCLES), str(MEGABYTES)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    sizes = [float(line) for line in result.stdout.split()]
    later = sizes[len(sizes) // 4 :]
    slope = (later[-1] - later[0]) / (len(later) - 1)
    print(f"{CYCLES} cycles of {MEGABYTES} MB: {sizes[0]:.0f} MB, then {sizes[-1]:.0f} MB, {slope:+.3f} MB a cycle")
    assert slope < 0.2
    assert max(later) < sizes[0] + MEGABYTES / 2
