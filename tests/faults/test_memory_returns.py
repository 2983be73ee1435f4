"""Memory of unloaded models goes back to the operating system."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CYCLES = int(os.environ.get("CXPACK_GATE_CYCLES", "20"))
MEGABYTES = int(os.environ.get("CXPACK_GATE_MEGABYTES", "20"))
ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys, tempfile
from pathlib import Path
from runtime_handler.models.lease import Lease
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

cycles, megabytes, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
SIZE = megabytes << 20

def resident():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024

if kind == "onnx":
    from runtime_handler.contract import ModelsSpec, PredictorSpec
    from runtime_handler.models.layout import ONNX as layout
    from runtime_handler.predictors.onnx import OnnxPredictorType
    from tests.benchmarks.exported import a_perceptron

    load = OnnxPredictorType(PredictorSpec(type="onnx", path="p.py", models=ModelsSpec(dir="s3://fake/models")), object()).load
    width = int((SIZE / 8) ** 0.5)
    model = a_perceptron((width, width, width))
else:
    from runtime_handler.models.layout import PYTHON as layout

    def load(path, name):
        return [bytearray(b"x" * 50_000) for _ in range(SIZE // 50_000)]  # below the size that malloc maps on its own

    model = b"x" * (9 << 20)

bucket = FakeBucket(Clock())
for name in "ab":
    bucket.put(f"models/{name}/model.onnx", model, age=60)
manager = a_manager(Path(tempfile.mkdtemp()), bucket, cache=(1, 2), load=load, layout=layout)
manager.start()
for cycle in range(cycles):
    with Lease():
        manager.get("ab"[cycle % 2])
    print(resident(), flush=True)
"""


@pytest.mark.parametrize("kind", ["objects", "onnx"])
def test_load_and_unload_leaves_no_slope(kind: str) -> None:
    """Cycles of loading one model in the place of another: the resident size is flat after the first few."""
    command = [sys.executable, "-c", SCRIPT, str(CYCLES), str(MEGABYTES), kind]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    sizes = [float(line) for line in result.stdout.split()]
    later = sizes[len(sizes) // 4 :]
    slope = (later[-1] - later[0]) / (len(later) - 1)
    print(f"{CYCLES} cycles of {MEGABYTES} MB, {kind}: {sizes[0]:.0f} MB, then {sizes[-1]:.0f} MB, {slope:+.3f} MB a cycle")
    assert slope < 0.2
    assert max(later) < sizes[0] + MEGABYTES / 2
