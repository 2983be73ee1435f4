"""manifest.json: all that the CDK app may know, every decision already taken.

Standard library only, so that reading it costs nothing. Paths are relative to the manifest's own folder.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

# The sizes are the manifest's, and known to its readers by no other name.
from packager.sizes import SIZES, Size
from packager.sizes import EcsSize as EcsSize
from packager.sizes import EndpointSize as EndpointSize
from packager.sizes import LambdaSize as LambdaSize
from packager.sizes import Target as Target
from runtime_handler.contract import plain

FORMAT = 1

Architecture = Literal["x86_64", "arm64"]
Strategy = Literal["all_at_once", "canary", "linear"]


class ManifestError(Exception):
    """manifest.json was written by another version of cxpack, or is no manifest."""


class Scaling(NamedTuple):
    """Replicas of an ECS service, instances of an endpoint; `target_concurrency` is the wanted number of requests in flight
    for each.

    Cooldowns are in seconds: Cortex's upscale and downscale stabilization periods.
    """

    min_replicas: int
    max_replicas: int
    init_replicas: int
    target_concurrency: float
    scale_out_cooldown_s: int
    scale_in_cooldown_s: int


class Rollout(NamedTuple):
    """How a new version takes over.

    An ECS service replaces its tasks within two bounds in per cent of the wanted number (its minimum and maximum healthy
    percent). A Lambda alias moves `percent` of the traffic and `interval_s` later the rest (canary), or `percent` every
    `interval_s` (linear), and back at once when an alarm goes off. A SageMaker endpoint does so with whole instances, and
    gives up after `timeout_s`.
    """

    min_healthy_percent: int
    max_healthy_percent: int
    strategy: Strategy = "canary"
    percent: int = 10
    interval_s: int = 300
    timeout_s: int | None = None


class S3Grant(NamedTuple):
    """Leave to read objects of `bucket`, and to list it, and why: the reason is the key of cortex.yaml that names them.

    `keys` are the objects, `prefixes` what a listing may ask for, both as IAM writes them: a `*` stands for anything. The
    prefix of a listing of the whole bucket is empty.
    """

    bucket: str
    keys: tuple[str, ...]
    prefixes: tuple[str, ...]
    reason: str


class Permission(NamedTuple):
    """IAM actions on resources (ARNs) that the user grants with `deploy.permissions`; a lone `*` comes with a reason."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str | None = None


class Auth(NamedTuple):
    """Who may call: everyone, who signs as an IAM identity, or who has a token of `issuer` for one of `audience`."""

    type: Literal["none", "iam", "jwt"] = "none"
    issuer: str | None = None
    audience: tuple[str, ...] = ()


class Throttle(NamedTuple):
    """Requests a second on average, and at once."""

    rate: float
    burst: int


class Image(NamedTuple):
    """How the container image is built: `context` is the folder, with the Dockerfile in it."""

    context: str
    architecture: Architecture = "x86_64"
    build_args: Mapping[str, str] = MappingProxyType({})


class Bundle(NamedTuple):
    """A Lambda function without an image: zip files for its code and its layers, the first layer first.

    `runtime` and `handler` are those of Lambda's CreateFunction; the architecture is the image's.
    """

    code: str
    layers: tuple[str, ...]
    runtime: str
    handler: str


class ManifestApi(NamedTuple):
    """One API, placed. `reason` is the sentence that explains the target; `public` whether the HTTP API routes to it.
    With a `bundle`, Lambda takes that in place of the image.

    `environment` goes to the container as it is; `secrets` are environment variables too, each the ARN of a secret or
    parameter, `ssm:/parameter/name` or `secretsmanager:name`, resolved when the container starts and never written down.
    `max_concurrency` is Cortex's max_replica_concurrency. `throttle` None leaves the limit to the HTTP API's own. `cost` is
    the estimate that `check` prints, empty for none.
    """

    name: str
    kind: str
    endpoint: str
    target: Target
    size: Size
    reason: str
    image: Image
    scaling: Scaling
    rollout: Rollout
    bundle: Bundle | None = None
    public: bool = True
    monitoring: Literal["classification", "regression"] | None = None
    max_concurrency: int = 1024
    environment: Mapping[str, str] = MappingProxyType({})
    s3_read: tuple[S3Grant, ...] = ()
    permissions: tuple[Permission, ...] = ()
    secrets: Mapping[str, str] = MappingProxyType({})
    auth: Auth = Auth()
    throttle: Throttle | None = None
    cost: str = ""


class Split(NamedTuple):
    """An API of a TrafficSplitter, with its per cent of the requests."""

    name: str
    weight: int


class ManifestSplitter(NamedTuple):
    """A TrafficSplitter: an endpoint whose requests go to APIs of the same manifest by weight; the weights make 100."""

    name: str
    endpoint: str
    splits: tuple[Split, ...]
    public: bool = True
    auth: Auth = Auth()
    throttle: Throttle | None = None


class Manifest(NamedTuple):
    """The project's name (of stacks and tags), its APIs and its traffic splitters, in the order of cortex.yaml."""

    project: str
    apis: tuple[ManifestApi, ...]
    splitters: tuple[ManifestSplitter, ...] = ()

    def dump(self) -> str:
        """The text of manifest.json: sorted keys, two spaces; the same manifest gives the same text."""
        return json.dumps({"format": FORMAT, **plain(self)}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

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
            return cls(
                project=data["project"],
                apis=tuple(_api(api) for api in data["apis"]),
                splitters=tuple(_splitter(splitter) for splitter in data["splitters"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ManifestError("manifest.json lacks what this version of cxpack writes; run `cxpack synth` again") from None


def _api(data: dict[str, Any]) -> ManifestApi:
    return ManifestApi(
        **{
            **data,
            "size": SIZES[data["target"]](**data["size"]),
            "image": Image(**data["image"]),
            "bundle": data["bundle"] and Bundle(**{**data["bundle"], "layers": tuple(data["bundle"]["layers"])}),
            "scaling": Scaling(**data["scaling"]),
            "rollout": Rollout(**data["rollout"]),
            "s3_read": tuple(
                S3Grant(**{**grant, "keys": tuple(grant["keys"]), "prefixes": tuple(grant["prefixes"])})
                for grant in data["s3_read"]
            ),
            "permissions": tuple(
                Permission(
                    actions=tuple(permission["actions"]), resources=tuple(permission["resources"]), reason=permission["reason"]
                )
                for permission in data["permissions"]
            ),
            "auth": _auth(data["auth"]),
            "throttle": _throttle(data["throttle"]),
        }
    )


def _splitter(data: dict[str, Any]) -> ManifestSplitter:
    return ManifestSplitter(
        **{
            **data,
            "splits": tuple(Split(**split) for split in data["splits"]),
            "auth": _auth(data["auth"]),
            "throttle": _throttle(data["throttle"]),
        }
    )


def _auth(data: dict[str, Any]) -> Auth:
    return Auth(type=data["type"], issuer=data["issuer"], audience=tuple(data["audience"]))


def _throttle(data: dict[str, Any] | None) -> Throttle | None:
    return None if data is None else Throttle(**data)
