"""`make bench`: the speed table, every row beside what a user would write himself and beside the limit of the stack.

    python -m tests.benchmarks [SECTION ...] [--quick] [--output DIR]

The contenders of a row are measured in turn (A B C, A B C); medians are quoted, ratios are paired by round, with the
lowest and the highest round behind them. Servers run on one core, the load generator (wrk) on another. Prints rows as
they are measured and then the whole table; a full run leaves results.json and results.png in DIR, which is this folder
unless given. Exits with 1 when a gate is missed.
"""

import json
import os
import platform
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks import commands, lambdas, load, look_ups, serving
from tests.benchmarks.picture import draw
from tests.benchmarks.rows import Row, table
from tests.benchmarks.serving import Effort

Section = Callable[[Path, Effort], Iterator[Row]]

SECTIONS: Mapping[str, Section] = {
    "serving": serving.tiny,
    "batching": serving.batched,
    "many": serving.many,
    "start": serving.starts,
    "memory": serving.memory_of_many,
    "lambda": lambdas.invocations,
    "get_model": look_ups.get_model,
    "packager": commands.packager,
    "cdk_app": commands.cdk_app,
}
FULL = Effort(rounds=5, seconds=3, starts=11, syntheses=5)
QUICK = Effort(rounds=2, seconds=1, starts=3, syntheses=1)
PACKAGES = ("fastapi", "mangum", "numpy", "onnxruntime", "orjson", "pydantic", "uvicorn", "uvloop", "awslambdaric", "aws-cdk-lib")


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.benchmarks", description="the speed table")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all unless given")
    parser.add_argument("--quick", action="store_true", help="short runs, to see that everything works")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where results.json and results.png go")
    given = parser.parse_args(arguments)
    if unknown := set(given.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    if not load.installed():
        print("wrk is not installed (`apt-get install wrk`): the rows under load are left out", file=sys.stderr)
    effort = QUICK if given.quick else FULL
    started = time.monotonic()
    rows = []
    for name in given.sections or SECTIONS:
        for row in run(SECTIONS[name], effort):
            rows.append(row)
            print(f"[{time.monotonic() - started:4.0f} s] {' '.join(table([row]).splitlines()[-1].split())}", file=sys.stderr)
    print(table(rows))
    complete = not (given.sections or given.quick) and load.installed()
    output = given.output or (Path(__file__).parent if complete else None)
    if output is not None:
        write(rows, effort, output)
    return 1 if any(row.holds() is False for row in rows) else 0


def run(section: Section, effort: Effort) -> Iterator[Row]:
    """The rows of a section, measured in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="cxpack-bench-") as folder:
        yield from section(Path(folder), effort)


def write(rows: Sequence[Row], effort: Effort, folder: Path) -> None:
    """results.json and results.png."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": {"cpu": cpu(), "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()},
        "packages": {package: version(package) for package in PACKAGES},
        "effort": asdict(effort),
        "rows": [row.as_json() for row in rows],
    }
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    draw(rows, folder / "results.png")


def cpu() -> str:
    """The processor's name, where Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
