"""What stands between callers and an API has limits of its own; said before anything is deployed.

Sources: API Gateway's quotas of HTTP APIs (30 s for an integration), and Elastic Load Balancing's page on Lambda functions
as targets (1 MB for the body of a request and of an answer).
"""

from collections.abc import Iterator, Mapping, Sequence

from packager.fault import Fault
from packager.manifest import Target
from packager.spec import ApiSpec

GATEWAY_S = 30
BALANCED_LAMBDA_MB = 1


def gateway_waits(api: ApiSpec) -> Iterator[Fault]:
    """The HTTP API gives up after 30 s, however long the API may take."""
    timeout = api.deploy.timeout_s
    if timeout is not None and timeout > GATEWAY_S and api.networking.api_gateway == "public":
        wait = f"callers get 503 after the {GATEWAY_S} s that the HTTP API waits, not {timeout:g}"
        message = f"{wait}; api_gateway: none has no such limit"
        yield Fault("deploy.timeout", "deploy.gateway_timeout", message, severity="warning")


def split_functions(splitter: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """A TrafficSplitter reaches functions through a load balancer, which is stricter than the HTTP API."""
    for number, split in enumerate(splitter.splits):
        if targets.get(split.name) == "lambda":
            size = f"bodies of more than {BALANCED_LAMBDA_MB} MB fail behind a splitter"
            message = f'"{split.name}" runs on Lambda, and {size}'
            yield Fault(f"apis[{number}].name", "deploy.split_payload", message, severity="warning")


def limits(apis: Sequence[ApiSpec], targets: Mapping[str, Target]) -> Iterator[tuple[ApiSpec, Fault]]:
    """All of them, of all APIs; `targets` by name, of those that were placed."""
    for api in apis:
        for fault in (*gateway_waits(api), *split_functions(api, targets)):
            yield api, fault
