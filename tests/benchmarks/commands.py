"""Rows of the packager and the CDK app, over a project of ten APIs."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.rows import LIMIT, OURS, PLAIN, Gate, Row, alternate
from tests.benchmarks.servers import environment
from tests.benchmarks.serving import Effort

APIS = 10
LEAST = Path(__file__).with_name("least_cdk_app.py")
BY_HAND = Path(__file__).with_name("hand_written_cdk_app.py")
CXPACK = str(Path(sys.executable).parent / "cxpack")
PREDICTOR = """
class PythonPredictor:
    def __init__(self, config):
        self.config = config

    def predict(self, payload):
        return payload
"""
ENTRY = """
- name: api-{number}
  kind: RealtimeAPI
  predictor:
    type: python
    path: predictor.py
    config: {{number: {number}}}
  compute: {{cpu: 1, mem: 1G}}
"""


def packager(folder: Path, effort: Effort) -> Iterator[Row]:
    """CPU time of `check` and of a `synth` that finds nothing to do, beyond an interpreter's start."""
    project = a_project(folder)
    run([CXPACK, "synth"], project)
    for name, words, bound in (("check", ["check"], 0.15), ("synth, nothing changed", ["synth"], 0.3)):
        commands = {"ours": [CXPACK, *words], "interpreter": [sys.executable, "-c", "pass"]}
        seconds = alternate(effort.starts, commands, lambda command: run(command, project)[0])
        beyond = [ours - interpreter for ours, interpreter in zip(*seconds.values(), strict=True)]
        yield Row(name=f"cxpack {name}, {APIS} APIs", unit="s CPU", values={OURS: beyond}, gate=Gate(bound=bound))


def cdk_app(folder: Path, effort: Effort) -> Iterator[Row]:
    """`python -m cdk_app` beside an app that is written by hand for the same resources, and beside the least that makes them.

    The first has typed constructs, which Python checks and passes to Node one by one; the second has none, only templates.
    """
    project = a_project(folder)
    run([CXPACK, "synth"], project)
    ours = [sys.executable, "-P", "-m", "cdk_app"]
    run(ours, project, CDK_OUTDIR=str(folder / "wanted"))
    by_hand = [sys.executable, str(BY_HAND), "cxpack.out/manifest.json"]
    least = [sys.executable, str(LEAST), str(folder / "wanted")]

    def seconds(command: Sequence[str]) -> float:
        output = folder / "assembly"
        shutil.rmtree(output, ignore_errors=True)
        return run(command, project, CDK_OUTDIR=str(output), PYTHONPATH=str(LEAST.parents[2]))[1]

    seconds(least)  # so that all find jsii's cache
    values = alternate(effort.syntheses, {OURS: ours, PLAIN: by_hand, LIMIT: least}, seconds)
    yield Row(name=f"python -m cdk_app, {APIS} APIs", unit="s", values=values, gate=Gate(against=PLAIN, bound=1.3))


def a_project(folder: Path) -> Path:
    """A folder with a cortex.yaml of ten APIs."""
    project = folder / "project"
    project.mkdir()
    (project / "predictor.py").write_text(PREDICTOR)
    (project / "cortex.yaml").write_text("".join(ENTRY.format(number=number) for number in range(APIS)))
    return project


def run(command: Sequence[str], folder: Path, **variables: str) -> tuple[float, float]:
    """CPU seconds and seconds of a command. Raises RuntimeError with what it said when it fails."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{said}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started
