"""What `cdk synth` costs a user: time and memory for 1, 10 and 50 APIs, beside the least app of the same resources,
which no app with typed properties, checked as Python passes them to Node, can be as fast as.

Figures are printed, never asserted; what is asserted is that both made the same number of resources.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from packager.manifest import Manifest
from tests.cdk_app.conftest import build_api, write_project

LEAST = Path(__file__).with_name("least_cdk_app.py")
COUNTS = [int(count) for count in os.environ.get("CXPACK_GATE_APIS", "1,10").split(",")]
ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """Of a run: seconds, and the resident megabytes of its largest process, which is Node."""

    seconds: float
    megabytes: float


def run(arguments: list[str], folder: Path, assembly: Path) -> Cost:
    environment = {**os.environ, "CDK_OUTDIR": str(assembly), "PYTHONPATH": str(LEAST.parents[2])}
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Cost(time.perf_counter() - started, used.ru_maxrss / 1024)


def resources(assembly: Path) -> int:
    return sum(len(json.loads(file.read_text())["Resources"]) for file in assembly.glob("*.template.json"))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("cdk")
@pytest.mark.parametrize("count", COUNTS)
def test_synthesizing(count: int, tmp_path: Path) -> None:
    """Ours takes its decisions from the manifest and checks its names; the other does nothing but make resources."""
    apis = tuple(build_api(f"api-{number}", "fargate" if number % 5 == 4 else "lambda") for number in range(count))
    write_project(tmp_path / "cxpack.out", Manifest(project="p", apis=apis))
    ours, least = [], []
    for number in range(ROUNDS):
        assembly = tmp_path / f"ours-{number}"
        ours.append(run(["-P", "-m", "cdk_app"], tmp_path, assembly))
        least.append(run([str(LEAST), str(assembly)], tmp_path, tmp_path / f"least-{number}"))
    made = resources(tmp_path / "ours-0")
    assert made == resources(tmp_path / "least-0")
    mine, other = (min(costs, key=lambda cost: cost.seconds) for costs in (ours, least))
    print(f"{count} APIs, {made} resources: {mine.seconds:.2f} s, {mine.megabytes:.0f} MB", end="; ")
    print(f"least app {other.seconds:.2f} s, {other.megabytes:.0f} MB", end="; ")
    print(f"{mine.seconds / other.seconds:.2f}x the time, {mine.megabytes / other.megabytes:.2f}x the memory")
