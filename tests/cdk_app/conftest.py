"""Manifests to synthesize, and the templates that come of them: one Node process serves all tests of this folder."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cdk_app.__main__ import use_installed_node
from packager.manifest import (
    Auth,
    EcsSize,
    EndpointSize,
    Image,
    LambdaSize,
    Manifest,
    ManifestApi,
    ManifestSplitter,
    Permission,
    Rollout,
    S3Grant,
    Scaling,
    Split,
    Strategy,
    Throttle,
)

use_installed_node()  # before anything imports aws_cdk, which starts Node

SIZES = {
    "lambda": LambdaSize(memory_mb=512, timeout_s=30, ephemeral_storage_mb=1024),
    "fargate": EcsSize(cpu_units=1024, memory_mib=4096),
    "gpu": EcsSize(cpu_units=2048, memory_mib=8192, gpu=1, instance_type="g4dn.xlarge"),
    "inf": EcsSize(cpu_units=2048, memory_mib=4096, inf=1, instance_type="inf1.xlarge"),
    "endpoint": EndpointSize(instance_type="ml.c5.large"),
    "endpoint-gpu": EndpointSize(instance_type="ml.g4dn.xlarge", ami="al2023-ami-sagemaker-inference-gpu-4-1"),
    "endpoint-inf": EndpointSize(instance_type="ml.inf1.xlarge", guarded=False),
}
TARGETS = {LambdaSize: "lambda", EcsSize: "ecs", EndpointSize: "sagemaker"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep this folder on one worker: each would start a Node of its own and synthesize everything again."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("cdk"))


def build_api(name: str = "iris", on: str = "lambda", **changes: Any) -> ManifestApi:
    """An API on one of SIZES; `changes` are fields of ManifestApi."""
    fields: dict[str, Any] = {
        "name": name,
        "kind": "RealtimeAPI",
        "endpoint": f"/{name}",
        "target": TARGETS[type(SIZES[on])],
        "size": SIZES[on],
        "public": not on.startswith("endpoint"),
        "reason": "no gpu, no inf",
        "image": Image(context=name),
        "scaling": Scaling(
            min_replicas=1,
            max_replicas=4,
            init_replicas=1,
            target_concurrency=2,
            scale_out_cooldown_s=60,
            scale_in_cooldown_s=300,
        ),
        "rollout": Rollout(min_healthy_percent=75, max_healthy_percent=125),
        "s3_read": (S3Grant("models", keys=(f"{name}/*",), prefixes=(f"{name}/*",), reason="predictor.model_path"),),
        "environment": {"LOG_LEVEL": "info"},
        **changes,
    }
    return ManifestApi(**fields)


def write_project(folder: Path, manifest: Manifest) -> Path:
    """manifest.json in `folder`, with a context beside it for each API; returns its path."""
    for api in manifest.apis:
        context = folder / api.image.context
        context.mkdir(parents=True, exist_ok=True)
        (context / "Dockerfile").write_text("FROM scratch\n")
        (context / "api.json").write_text(json.dumps({"name": api.name}))
        for path in (api.bundle.code, *api.bundle.layers) if api.bundle else ():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(Path(path).name.encode())
    path = folder / "manifest.json"
    path.write_text(manifest.dump())
    return path


@dataclass(frozen=True)
class Synthesized:
    """An assembly's templates and asset manifests by the last part of the stack's name, and the constructs themselves."""

    app: Any
    templates: Mapping[str, Mapping[str, Any]]
    assets: Mapping[str, Mapping[str, Any]]
    folder: Path

    def of_type(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id -> properties of the resources of one type."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.templates[stack]["Resources"].items()
            if resource["Type"] == kind
        }

    def only(self, stack: str, kind: str) -> dict[str, Any]:
        """The properties of the one resource of a type."""
        [properties] = self.of_type(stack, kind).values()
        return properties


Synthesize = Callable[..., Synthesized]


@pytest.fixture(scope="session")
def api_of() -> Callable[..., ManifestApi]:
    return build_api


@pytest.fixture(scope="session")
def project_in() -> Callable[[Path, Manifest], Path]:
    return write_project


@pytest.fixture(scope="session")
def synthesize_manifest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Synthesized]:
    """(path of a manifest.json, **settings) -> Synthesized, in this process."""
    from aws_cdk import App

    from cdk_app.assembly import synthesize as write_assembly
    from cdk_app.project import Project
    from cdk_app.settings import Settings
    from cdk_app.stacks import add_stacks

    def run(path: Path, **settings: Any) -> Synthesized:
        folder = tmp_path_factory.mktemp("assembly")
        manifest = Manifest.load(path.read_text())
        context = {f"cxpack:{key}": value for key, value in settings.items()} | {"cxpack:manifest": str(path)}
        app = App(outdir=str(folder), auto_synth=False, builtin_cloud_formation_validation=False, context=context)
        checked = Settings.of(context)
        add_stacks(app, Project(manifest, checked))
        write_assembly(app)
        prefix = f"{manifest.project}-{checked.environment}-"

        def read(suffix: str) -> dict[str, Any]:
            found = sorted(folder.glob(f"{prefix}*{suffix}"))
            return {file.name.removeprefix(prefix).removesuffix(suffix): json.loads(file.read_text()) for file in found}

        return Synthesized(app, read(".template.json"), read(".assets.json"), folder)

    return run


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory, synthesize_manifest: Callable[..., Synthesized]) -> Synthesize:
    """(API, ..., project="p", splitters=(), **settings) -> Synthesized."""

    def run(*apis: ManifestApi, project: str = "p", splitters: tuple[ManifestSplitter, ...] = (), **settings: Any) -> Synthesized:
        folder = tmp_path_factory.mktemp("project")
        manifest = Manifest(project=project, apis=apis, splitters=splitters)
        return synthesize_manifest(write_project(folder / "cxpack.out", manifest), **settings)

    return run


@pytest.fixture(scope="session")
def everything(synthesize: Synthesize) -> Synthesized:
    """Targets, accelerators, ways of scaling, doors and rollouts, each at least once and mixed; alarms tell a topic."""
    asleep = Scaling(
        min_replicas=0, max_replicas=2, init_replicas=1, target_concurrency=1, scale_out_cooldown_s=60, scale_in_cooldown_s=300
    )
    return synthesize(
        build_api("iris", "lambda"),
        build_api("flowers", "fargate"),
        build_api("sentiment", "gpu"),
        build_api("speech", "inf", auth=Auth(type="iam")),
        build_api("private", "fargate", public=False, rollout=Rollout(min_healthy_percent=0, max_healthy_percent=100)),
        build_api("hidden", "lambda", public=False, rollout=rollout("linear")),
        build_api("sleepy", "fargate", scaling=asleep),
        build_api("dozing", "gpu", scaling=asleep, throttle=Throttle(rate=5, burst=10)),
        build_api(
            "guarded",
            "lambda",
            auth=Auth(type="jwt", issuer="https://issuer.example", audience=("app",)),
            throttle=Throttle(rate=1, burst=2),
            size=LambdaSize(memory_mb=1024, timeout_s=60, ephemeral_storage_mb=512, snap_start=True),
        ),
        build_api(
            "trusted",
            "fargate",
            secrets={"TOKEN": "ssm:/iris/token", "KEY": "secretsmanager:iris"},
            permissions=(Permission(actions=("sqs:Send*",), resources=("*",), reason="any queue of the account"),),
        ),
        build_api(
            "eager",
            "lambda",
            secrets={"TOKEN": "ssm:/iris/token"},
            rollout=rollout("all_at_once"),
            size=LambdaSize(
                memory_mb=1024, timeout_s=60, ephemeral_storage_mb=512, provisioned_concurrency=2, reserved_concurrency=20
            ),
        ),
        build_api(
            "hosted",
            "endpoint",
            secrets={"TOKEN": "ssm:/iris/token"},
            permissions=(Permission(actions=("sqs:SendMessage",), resources=("arn:aws:sqs:us-east-1:123456789012:queue",)),),
        ),
        build_api("seeing", "endpoint-gpu", rollout=rollout("linear"), monitoring="classification"),
        build_api("hearing", "endpoint-inf", scaling=asleep._replace(min_replicas=2)),
        splitters=(
            ManifestSplitter(
                name="split", endpoint="/split", splits=(Split(name="iris", weight=80), Split(name="flowers", weight=20))
            ),
            ManifestSplitter(name="inside", endpoint="/inside.v1", splits=(Split(name="iris", weight=100),), public=False),
        ),
        alarms_topic="arn:aws:sns:us-east-1:123456789012:alarms",
    )


def rollout(strategy: Strategy) -> Rollout:
    """For a function: what an ECS service does of it does not matter."""
    return Rollout(min_healthy_percent=75, max_healthy_percent=125, strategy=strategy)
