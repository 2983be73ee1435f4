"""What `cdk synth` costs a user: time, memory and messages to Node, for 1, 10 and 50 APIs when asked (`make gates`).

Beside it, the app that one would write by hand for the same resources, with typed constructs as ours has, and the least
app that makes them: untyped, from their templates. Times are printed, never asserted; counts are.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from packager.manifest import Manifest
from tests.cdk_app.conftest import build_api, write_project

HERE = Path(__file__).parent
MANIFEST = "cxpack.out/manifest.json"
COUNTS = [int(count) for count in os.environ.get("CXPACK_GATE_APIS", "2").split(",")]
ROUNDS = int(os.environ.get("CXPACK_GATE_SYNTHS", "1"))
OURS = ["-P", "-m", "cdk_app"]
BY_HAND = [str(HERE / "hand_written_cdk_app.py"), MANIFEST]
COUNTED = """
import atexit, runpy, sys
from jsii._kernel.providers.process import _NodeProcess
sent, messages = _NodeProcess.send, []
_NodeProcess.send = lambda self, *message: messages.append(1) or sent(self, *message)
atexit.register(lambda: print("messages:", len(messages)))
sys.argv[:] = sys.argv[1:]
(runpy.run_path if sys.argv[0].endswith(".py") else runpy.run_module)(sys.argv[0], run_name="__main__")
"""
"""Runs a script or module, and tells how many messages it sent to Node."""

MEASURED = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command, and tells its seconds and the kibibytes of its largest process: the kernel counts what started a process
as that process's until it is another program, and who starts this one may be large."""


@dataclass(frozen=True)
class Cost:
    """Of a run: seconds, and the resident megabytes of its largest process."""

    seconds: float
    megabytes: float


def environment(assembly: Path) -> dict[str, str]:
    return {**os.environ, "CDK_OUTDIR": str(assembly), "PYTHONPATH": str(HERE.parents[1])}


def run(arguments: list[str], folder: Path, assembly: Path) -> Cost:
    command = [sys.executable, "-c", MEASURED, sys.executable, *arguments]
    result = subprocess.run(
        command, cwd=folder, env=environment(assembly), capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stderr
    seconds, kibibytes = result.stdout.split()[-2:]
    return Cost(float(seconds), float(kibibytes) / 1024)


def resources(assembly: Path) -> Counter[str]:
    """How many there are of each type."""
    templates = [json.loads(file.read_text()) for file in assembly.glob("*.template.json")]
    return Counter(resource["Type"] for template in templates for resource in template["Resources"].values())


def write_apis(folder: Path, count: int) -> Path:
    """A project of so many functions."""
    write_project(folder / "cxpack.out", Manifest(project="p", apis=tuple(build_api(f"api-{number}") for number in range(count))))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("cdk")
@pytest.mark.parametrize("count", COUNTS)
def test_synthesizing(count: int, tmp_path: Path) -> None:
    """All three make the same resources; ours takes its decisions from the manifest, and names the templates."""
    write_apis(tmp_path, count)
    costs: dict[str, list[Cost]] = {}
    for _ in range(ROUNDS):
        for name, arguments in {
            "ours": OURS,
            "by hand": BY_HAND,
            "least": [str(HERE / "least_cdk_app.py"), str(tmp_path / "ours")],
        }.items():
            costs.setdefault(name, []).append(run(arguments, tmp_path, tmp_path / name))
    made = resources(tmp_path / "ours")
    assert made == resources(tmp_path / "by hand") == resources(tmp_path / "least")
    print(f"{count} APIs, {made.total()} resources")
    for name, runs in costs.items():
        ratios = [ours.seconds / other.seconds for ours, other in zip(costs["ours"], runs, strict=True)]
        seconds, megabytes = median(cost.seconds for cost in runs), max(cost.megabytes for cost in runs)
        print(f"  {name}: {seconds:.2f} s, {megabytes:.0f} MB; ours takes {median(ratios):.2f} times as long")


@pytest.mark.slow
@pytest.mark.xdist_group("cdk")
def test_an_api_costs_few_messages(tmp_path: Path) -> None:
    """Python and Node talk about everything; what one more API adds is not more than in the app that is written by hand."""

    def messages(count: int, program: list[str]) -> int:
        folder = write_apis(tmp_path / str(count), count)
        done = subprocess.run(
            [sys.executable, "-c", COUNTED, *program],
            cwd=folder,
            env=environment(tmp_path / "assembly" / str(count)),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return int(done.stdout.rpartition(":")[2])

    ours, by_hand = (messages(2, program) - messages(1, program) for program in (["cdk_app"], BY_HAND))
    print(f"messages for each API: ours {ours}, by hand {by_hand}")
    assert ours <= by_hand
