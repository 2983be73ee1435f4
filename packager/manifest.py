"""manifest.json: all that the CDK app may know, every decision already taken.

Standard library only, so that reading it costs nothing. Paths are relative to the manifest's own folder.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FORMAT = 1

Target = Literal["lambda", "ecs", "sagemaker"]
Architecture = Literal["x86_64", "arm64"]


class ManifestError(Exception):
    """manifest.json was written by another version of cxpack, or is no manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaSize:
    """Memory in MB (it sets the CPU share too: 1,769 MB a vCPU), timeout in seconds, /tmp in MB."""

    memory_mb: int
    timeout_s: int
    ephemeral_storage_mb: int

    def __str__(self) -> str:
        return f"{self.memory_mb} MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsSize:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Replicas of an ECS service; `target_concurrency` is the wanted number of requests in flight per replica.

    Cooldowns are in seconds: Cortex's upscale and downscale stabilization periods.
    """

    min_replicas: int
    max_replicas: int
    init_replicas: int
    target_concurrency: float
    scale_out_cooldown_s: int
    scale_in_cooldown_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How an ECS service replaces its tasks, in per cent of the wanted number (ECS's minimum and maximum healthy percent)."""

    min_healthy_percent: int
    max_healthy_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Grant:
    """Leave to list and read the objects of `bucket` whose key begins with `prefix` (empty: all), and why."""

    bucket: str
    prefix: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """How the container image is built: `context` is the folder, with the Dockerfile in it."""

    context: str
    architecture: Architecture = "x86_64"
    build_args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestApi:
    """One API, placed. `reason` is the sentence that explains the target; `public` whether the HTTP API routes to it.

    `environment` goes to the container as it is; `max_concurrency` is Cortex's max_replica_concurrency.
    """

    name: str
    kind: str
    endpoint: str
    target: Target
    size: LambdaSize | EcsSize
    reason: str
    image: Image
    public: bool = True
    monitoring: Literal["classification", "regression"] | None = None
    max_concurrency: int = 1024
    scaling: Scaling
    rollout: Rollout
    environment: Mapping[str, str] = field(default_factory=dict)
    s3_read: tuple[S3Grant, ...] = ()


SIZES: Mapping[str, type[LambdaSize] | type[EcsSize]] = {"lambda": LambdaSize, "ecs": EcsSize}
"""Which size a target has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The project's name (of stacks and tags) and its APIs, in the order of cortex.yaml."""

    project: str
    apis: tuple[ManifestApi, ...]

    def dump(self) -> str:
        """The text of manifest.json: sorted keys, two spaces; the same manifest gives the same text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, text: str) -> "Manifest":
        """The manifest of a manifest.json's text.

        Raises ManifestError when the text is no manifest of this format.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ManifestError(f"manifest.json is not JSON ({error}); run `cxpack synth` again") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ManifestError(f"manifest.json is not of format {FORMAT}; run `cxpack synth` again with this version of cxpack")
        try:
            return cls(project=data["project"], apis=tuple(_api(api) for api in data["apis"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ManifestError("manifest.json lacks what this version of cxpack writes; run `cxpack synth` again") from None


def _api(data: dict[str, Any]) -> ManifestApi:
    return ManifestApi(
        **{
            **data,
            "size": SIZES[data["target"]](**data["size"]),
            "image": Image(**data["image"]),
            "scaling": Scaling(**data["scaling"]),
            "rollout": Rollout(**data["rollout"]),
            "s3_read": tuple(S3Grant(**grant) for grant in data["s3_read"]),
        }
    )
