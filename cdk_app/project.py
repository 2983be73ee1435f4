"""The project as its stacks see it: the manifest, the settings, and every name that follows from the two.

Names carry project and environment, so that several of both live in one account. Physical names are given only where
a user looks for them: stacks, logs, the HTTP API, endpoints, the dashboard; everything else is named by CloudFormation, which can
then replace it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cdk_app.settings import Settings
from packager.manifest import Manifest, ManifestApi, ManifestError, ManifestSplitter
from runtime_handler.contract import METRICS_NAME

Endpoint = ManifestApi | ManifestSplitter
"""What has an address of its own."""
SHARED = "shared"
"""The part of the shared stack's name that an API's name stands for in the others."""
PORT = 8080
"""Where every container serves (contract of the image)."""
START_S = 900
"""How long a new container may load models before failing health checks count against it."""
MOST_ENDPOINT_NAME = 63
"""Characters of the name of a SageMaker endpoint."""
MOST_RULES = 50_000
"""Priorities of listener rules (Elastic Load Balancing)."""


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that the stacks are made from.

    Raises ManifestError for an API whose stack would have the name of the shared one.
    """

    manifest: Manifest
    settings: Settings

    def __post_init__(self) -> None:
        if any(each.name == SHARED for each in self.endpoints):
            raise ManifestError(f"an API is called {SHARED!r}, as the stack that all APIs share; rename it in cortex.yaml")

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """APIs and splitters."""
        return (*self.manifest.apis, *self.manifest.splitters)

    @property
    def name(self) -> str:
        """Of the project in this environment: the prefix of its stacks."""
        return f"{self.manifest.project}-{self.settings.environment}"

    def stack_name(self, part: str) -> str:
        """`part` is an API's name, or SHARED."""
        return f"{self.name}-{part}"

    def parameter_name(self, fact: str) -> str:
        """Of the SSM parameter in which the shared stack tells the others `fact`."""
        return f"/cxpack/{self.manifest.project}/{self.settings.environment}/{fact}"

    def log_group_name(self, part: str) -> str:
        """Where the logs of an API, or of the HTTP API (SHARED), are."""
        return f"/cxpack/{self.name}/{part}"

    def endpoint_name(self, api: ManifestApi) -> str:
        """Of the API's SageMaker endpoint, which callers name: its stack's, or the first of it and a digest of all of it."""
        name = self.stack_name(api.name)
        if len(name) <= MOST_ENDPOINT_NAME:
            return name
        digest = sha256(name.encode()).hexdigest()[:8]
        return f"{name[: MOST_ENDPOINT_NAME - len(digest) - 1].rstrip('-')}-{digest}"

    def metrics_name(self, api: ManifestApi) -> str:
        """The value of the dimension APIName: two environments' metrics must not mix."""
        return self.stack_name(api.name)

    def environment_of(self, api: ManifestApi) -> Mapping[str, str]:
        """The container's variables: the manifest's, and the name that its metrics carry here."""
        return {**api.environment, METRICS_NAME: self.metrics_name(api)}

    @property
    def tags(self) -> Mapping[str, str]:
        """On every stack, and so on every resource: cost reports and `cxpack get` find the project by them."""
        return {"cxpack:project": self.manifest.project, "cxpack:environment": self.settings.environment}

    def context_folder(self, api: ManifestApi) -> Path:
        """Absolute, so that an assembly can be made from any working directory."""
        return self.path(api.image.context)

    def path(self, path: str) -> Path:
        """A path of the manifest, absolute."""
        return (self.settings.manifest.parent / path).absolute()

    @property
    def has_routes(self) -> bool:
        """Whether any API is reached through the shared HTTP API."""
        return any(each.public and each.throttle is None for each in self.endpoints)

    @property
    def has_services(self) -> bool:
        """Whether any API runs on ECS, or requests are split, for which a network and a load balancer are needed."""
        return bool(self.manifest.splitters) or any(api.target == "ecs" for api in self.manifest.apis)

    @property
    def has_private_services(self) -> bool:
        """Whether any of those is called past the HTTP API, from inside the network."""
        return any(not each.public and (isinstance(each, ManifestSplitter) or each.target == "ecs") for each in self.endpoints)

    def is_split(self, api: ManifestApi) -> bool:
        """Whether a splitter sends requests to the API."""
        return any(split.name == api.name for splitter in self.manifest.splitters for split in splitter.splits)

    def split_apis(self, splitter: ManifestSplitter) -> list[ManifestApi]:
        """The APIs of a splitter's splits, in their order.

        Raises ManifestError when the manifest has no such API.
        """
        apis = {api.name: api for api in self.manifest.apis}
        missing = [split.name for split in splitter.splits if split.name not in apis]
        if missing:
            raise ManifestError(
                f"{splitter.name} splits to {', '.join(missing)}, which the manifest lacks; run `cxpack synth` again"
            )
        return [apis[split.name] for split in splitter.splits]

    def sleeps(self, api: Endpoint) -> bool:
        """Whether the API may have no replica, and is then woken by the routes that lead to it."""
        return isinstance(api, ManifestApi) and api.target == "ecs" and api.public and api.scaling.min_replicas == 0

    def woken_by(self, endpoint: Endpoint) -> Sequence[ManifestApi]:
        """The APIs that calls of the endpoint's route may reach and wake; a splitter reaches those with a weight."""
        if isinstance(endpoint, ManifestApi):
            return [endpoint] if self.sleeps(endpoint) else []
        if not endpoint.public:
            return []
        apis = self.split_apis(endpoint)
        return [api for split, api in zip(endpoint.splits, apis, strict=True) if split.weight and self.sleeps(api)]

    @property
    def has_waking_routes(self) -> bool:
        """Whether the shared HTTP API must count calls by route."""
        return any(self.woken_by(each) for each in self.endpoints if each.throttle is None)

    @property
    def has_public_subnets(self) -> bool:
        """Whether tasks and instances need public addresses to reach the internet."""
        return self.settings.vpc is None or self.settings.vpc.public

    def rule_priority(self, api: Endpoint) -> int:
        """The place of the API's rule among its listener's, 1 to 50,000: no other API's, and the same at each deploy.

        Rules of different endpoints never match the same request, so that any order would do; but each needs its own
        number, and one that depended on the other APIs would change with them. Two names of the same digest, which is
        about once in a thousand projects of ten APIs, take neighbouring numbers.
        """
        taken: set[int] = set()
        for name in sorted(each.name for each in self.endpoints):
            priority = int(sha256(name.encode()).hexdigest(), 16) % MOST_RULES + 1
            while priority in taken:
                priority = priority % MOST_RULES + 1
            if name == api.name:
                return priority
            taken.add(priority)
        raise KeyError(api.name)
