"""Instance types as dated tables: EC2's with accelerators, and SageMaker's; and the cheapest one that holds a request.

Sizes are those of DescribeInstanceTypes, prices us-east-1 on demand in USD an hour, both of 2026-07-20. Bare-metal
types are not in the table: they take many minutes to start. What is known of SageMaker's prices stands in their table.
"""

import csv
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

TABLE = Path(__file__).with_name("instances.csv")
ENDPOINT_TABLE = Path(__file__).with_name("endpoint_instances.csv")

Kind = Literal["gpu", "inf"]

FAMILIES: dict[Kind, tuple[str, ...]] = {"gpu": ("g4dn", "g5", "g6", "p4d", "p4de", "p5"), "inf": ("inf1",)}
"""The families to choose from. Cortex's `inf` meant inf1: models compiled for it do not run on inf2, which only
`deploy.instance_type` can ask for."""


class InstanceType(NamedTuple):
    """One row: vCPUs, nominal memory in GiB, GPUs, Inferentia chips, USD an hour."""

    name: str
    vcpu: int
    memory_gib: float
    architecture: str
    gpu: int
    inf: int
    usd_per_hour: float

    @property
    def family(self) -> str:
        """The part before the last dot, without SageMaker's prefix."""
        return self.name.removeprefix("ml.").partition(".")[0]

    @property
    def usable_memory_mib(self) -> int:
        """What tasks can have of the memory: kernel, agent and driver take about a tenth and 256 MiB."""
        return math.floor(self.memory_gib * 1024 * 0.9) - 256

    def accelerators(self, kind: Kind) -> int:
        """How many accelerators of that kind it has."""
        return self.gpu if kind == "gpu" else self.inf

    def tasks(self, kind: Kind, accelerators: int) -> int:
        """How many tasks with that many accelerators each run on it; each gets an equal part of CPU and memory."""
        return self.accelerators(kind) // accelerators

    def holds(self, kind: Kind, accelerators: int, vcpu: float, memory_mib: int) -> bool:
        """Whether one task's equal part is enough for the request."""
        tasks = self.tasks(kind, accelerators)
        return tasks > 0 and self.vcpu / tasks >= vcpu and self.usable_memory_mib / tasks >= memory_mib

    def holds_alone(self, kind: Kind, accelerators: int, vcpu: float, memory_mib: int) -> bool:
        """Whether the whole of it is enough for the request."""
        return self.accelerators(kind) >= accelerators and self.vcpu >= vcpu and self.usable_memory_mib >= memory_mib


@cache
def instance_types() -> dict[str, InstanceType]:
    """EC2's types, by name."""
    return _read(TABLE)


@cache
def endpoint_types() -> dict[str, InstanceType]:
    """SageMaker's types, by name; all of them are x86_64."""
    return _read(ENDPOINT_TABLE)


def _read(path: Path) -> dict[str, InstanceType]:
    with path.open(encoding="utf-8") as table:
        rows = [
            InstanceType(
                name=row["name"],
                vcpu=int(row["vcpu"]),
                memory_gib=float(row["memory_gib"]),
                architecture=row["architecture"],
                gpu=int(row["gpu"]),
                inf=int(row["inf"]),
                usd_per_hour=float(row["usd_per_hour"]),
            )
            for row in csv.DictReader(line for line in table if not line.startswith("#"))
        ]
    return {row.name: row for row in rows}


def cheapest(
    candidates: Iterable[InstanceType], kind: Kind, accelerators: int, vcpu: float, memory_mib: int
) -> InstanceType | None:
    """The cheapest type of the kind's families that holds the request, x86_64 as the images are; None when none does."""
    fitting = (
        candidate
        for candidate in candidates
        if candidate.family in FAMILIES[kind]
        and candidate.architecture == "x86_64"
        and candidate.holds(kind, accelerators, vcpu, memory_mib)
    )
    return min(fitting, key=lambda candidate: (candidate.usd_per_hour, candidate.name), default=None)
