"""Sizes: what one copy of an API gets on each target; the part of the manifest that placement decides.

Standard library only, as the manifest.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Target = Literal["lambda", "ecs", "sagemaker"]


class LambdaSize(NamedTuple):
    """Memory in MB (it sets the CPU share too: 1,769 MB a vCPU), timeout in seconds, /tmp in MB.

    `provisioned_concurrency` environments are kept ready; with `snap_start` the others start from a snapshot.
    `reserved_concurrency` is the most that there may be, taken from the account's; None: up to what the account has left.
    """

    memory_mb: int
    timeout_s: int
    ephemeral_storage_mb: int
    provisioned_concurrency: int = 0
    reserved_concurrency: int | None = None
    snap_start: bool = False

    def __str__(self) -> str:
        return f"{self.memory_mb} MB"


class EcsSize(NamedTuple):
    """What one task gets: CPU units (1,024 a vCPU), memory in MiB, GPUs or Inferentia chips.

    `instance_type` None means Fargate; otherwise the tasks run on EC2 instances of that type.
    """

    cpu_units: int
    memory_mib: int
    gpu: int = 0
    inf: int = 0
    instance_type: str | None = None

    def __str__(self) -> str:
        return self.instance_type or f"{self.cpu_units / 1024:g} vCPU, {self.memory_mib} MiB (Fargate)"


class EndpointSize(NamedTuple):
    """What one replica of a SageMaker endpoint gets: a whole instance of `instance_type`, `ml.` prefix included.

    `ami` names the machine image with the driver that the container's libraries need (SageMaker's InferenceAmiVersion), None
    for the type's own. `guarded`: whether SageMaker moves traffic in steps and back on that type.
    """

    instance_type: str
    ami: str | None = None
    guarded: bool = True

    def __str__(self) -> str:
        return self.instance_type


Size = LambdaSize | EcsSize | EndpointSize
SIZES: Mapping[str, type[LambdaSize] | type[EcsSize] | type[EndpointSize]] = {
    "lambda": LambdaSize,
    "ecs": EcsSize,
    "sagemaker": EndpointSize,
}
"""Which size a target has."""


def memory_mib(size: Size) -> int | None:
    """The memory of one copy of an API (Lambda's MB are MiB); None where it has an instance to itself."""
    if isinstance(size, LambdaSize):
        return size.memory_mb
    return size.memory_mib if isinstance(size, EcsSize) else None
