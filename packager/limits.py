"""What stands between callers and an API has limits of its own, and so has the account; said before anything is deployed.

Sources: API Gateway's quotas of HTTP APIs (30 s for an integration), Elastic Load Balancing's page on Lambda functions
as targets (1 MB for the body of a request and of an answer), its quotas of Application Load Balancers (5 target groups for
an action), PathPatternConfig in its API (128 characters), InvokeEndpoint in SageMaker's API (60 s, 6,291,456 bytes),
Lambda's quotas (1,000 concurrent executions in a region, which AWS raises when asked) and its page "Configuring reserved
concurrency" (100 of them cannot be reserved).
"""

from collections.abc import Iterator, Mapping, Sequence

from packager.fault import Fault
from packager.function_limits import function_limits
from packager.manifest import Target
from packager.spec import ApiSpec

GATEWAY_S = 30
BALANCED_LAMBDA_MB = 1
MOST_PATH = 128
MOST_SPLITS = 5
ENDPOINT_S = 60
ENDPOINT_MB = 6
ACCOUNT_CONCURRENCY = 1_000
UNRESERVED_CONCURRENCY = 100


def gateway_waits(api: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """The HTTP API gives up after 30 s, however long the API may take."""
    timeout, public = api.deploy.timeout_s, api.networking.api_gateway == "public"
    if timeout is not None and timeout > GATEWAY_S and public and targets.get(api.name) != "sagemaker":
        wait = f"callers get 503 after the {GATEWAY_S} s that the HTTP API waits, not {timeout:g}"
        message = f"{wait}; past it, with api_gateway: none, there is time for that"
        yield Fault("deploy.timeout", "deploy.gateway_timeout", message, severity="warning")


def doors_are_the_gateways(api: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """The HTTP API checks who calls, and how often. Past it, a function's own URL wants signatures, and nothing else checks."""
    target = targets.get(api.name)
    placed = target in ("lambda", "ecs") or api.kind == "TrafficSplitter"
    if api.networking.api_gateway == "public" or not placed:
        return
    auth, signed = api.deploy.auth.type, target == "lambda"
    if auth == "jwt" or (auth == "iam" and not signed):
        means = "takes IAM-signed requests only" if signed else "lets in everyone inside the VPC"
        message = f"{auth} is checked by the HTTP API, and api_gateway: none {means}; remove one of the two"
        yield Fault("deploy.auth", "deploy.auth_without_gateway", message, ("networking.api_gateway",))
    if api.deploy.throttle is not None:
        message = "left out: requests are throttled by the HTTP API, which api_gateway: none goes past"
        yield Fault("deploy.throttle", "deploy.throttle_without_gateway", message, severity="warning")


def waking_takes_minutes(api: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """A service without replicas is woken by its first callers, who do not wait for it."""
    if api.autoscaling.min_replicas == 0 and targets.get(api.name) == "ecs":
        first = "an instance, which takes several minutes, and then a task" if api.compute.accelerators[1] else "a task"
        message = f"callers who find no replica get 503 for minutes: a minute until they are noticed, then ECS starts {first}"
        yield Fault("autoscaling.min_replicas", "deploy.waking", message, severity="note")


def split_functions(splitter: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """A TrafficSplitter reaches functions through a load balancer, which is stricter than the HTTP API."""
    for number, split in enumerate(splitter.splits):
        if targets.get(split.name) == "lambda":
            size = f"bodies of more than {BALANCED_LAMBDA_MB} MB fail behind a splitter"
            message = f'"{split.name}" runs on Lambda, and {size}'
            yield Fault(f"apis[{number}].name", "deploy.split_payload", message, severity="warning")


def rules_fit_the_balancer(api: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """What leads to a service, or to all APIs of a splitter, is one rule of the load balancer's."""
    endpoint = api.networking.endpoint
    if (targets.get(api.name) == "ecs" or api.splits) and len(endpoint) > MOST_PATH:
        message = f"has {len(endpoint)} characters, and the load balancer's rules take paths of {MOST_PATH}; choose a shorter one"
        yield Fault("networking.endpoint", "deploy.balanced_endpoint", message)
    if len(api.splits) > MOST_SPLITS:
        message = f"names {len(api.splits)} APIs, and a rule of the load balancer's splits between {MOST_SPLITS} at most"
        yield Fault("apis", "deploy.too_many_splits", message)


def split_sleepers(apis: Sequence[ApiSpec], targets: Mapping[str, Target]) -> Iterator[tuple[ApiSpec, Fault]]:
    """A service without replicas is woken by calls that the HTTP API counts; those of a splitter inside the network are not."""
    sleeping = {api.name for api in apis if targets.get(api.name) == "ecs" and api.autoscaling.min_replicas == 0}
    for splitter in apis:
        for number, split in enumerate(splitter.splits):
            if split.name in sleeping and split.weight and splitter.networking.api_gateway == "none":
                message = (
                    f'"{split.name}" may have 0 replicas, and no call of a splitter with api_gateway: none would wake it; '
                    "give it at least 1, or the splitter api_gateway: public"
                )
                yield splitter, Fault(f"apis[{number}].name", "deploy.cannot_wake", message, ("networking.api_gateway",))


def endpoint_door(api: ApiSpec, targets: Mapping[str, Target]) -> Iterator[Fault]:
    """SageMaker's endpoints are called past everything that the project has."""
    if targets.get(api.name) == "sagemaker":
        message = (
            "callers use InvokeEndpoint, signed as IAM identities that may; there is no route of the HTTP API, "
            f"and bodies of more than {ENDPOINT_MB} MB and answers after more than {ENDPOINT_S} s fail"
        )
        yield Fault("deploy.target", "deploy.endpoint_door", message, severity="note")


def reservations_fit_the_account(apis: Sequence[ApiSpec], targets: Mapping[str, Target]) -> Iterator[tuple[ApiSpec, Fault]]:
    """All functions share the account's concurrency; said of the API whose reservation is the first too many."""
    reserved = 0
    for api in apis:
        before, mine = reserved, api.deploy.reserved_concurrency or 0
        reserved += mine if targets.get(api.name) == "lambda" else 0
        if before <= ACCOUNT_CONCURRENCY - UNRESERVED_CONCURRENCY < reserved:
            others = f", and {before} by the APIs before" if before else ""
            has = f"an account begins with {ACCOUNT_CONCURRENCY:,}, of which {UNRESERVED_CONCURRENCY} stay unreserved"
            message = f"{mine} are reserved here{others}; {has}, so the deploy fails unless AWS has raised your quota"
            yield api, Fault("deploy.reserved_concurrency", "deploy.reserved_above_account", message, severity="warning")


def limits(apis: Sequence[ApiSpec], targets: Mapping[str, Target]) -> Iterator[tuple[ApiSpec, Fault]]:
    """All of them, of all APIs; `targets` by name, of those that were placed."""
    for api in apis:
        doors = (*doors_are_the_gateways(api, targets), *endpoint_door(api, targets))
        waits = (*gateway_waits(api, targets), *waking_takes_minutes(api, targets))
        rules = (*split_functions(api, targets), *rules_fit_the_balancer(api, targets))
        mine = function_limits(api) if targets.get(api.name) == "lambda" else ()
        for fault in (*waits, *doors, *rules, *mine):
            yield api, fault
    yield from split_sleepers(apis, targets)
    yield from reservations_fit_the_account(apis, targets)
