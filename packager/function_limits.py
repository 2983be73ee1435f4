"""What a Lambda function's settings have room for; said before anything is deployed.

Sources: Lambda's quotas (4 KB for environment variables, measured as the JSON object of them all), CodeDeploy's quotas (48
hours between the first and the last shift of traffic), and the page of CloudFormation's AWS::ECS::Service
CanaryConfiguration: an operation times out after 36 hours, and AWS refuses rollouts that it expects to take more than 33.
"""

import json
from collections.abc import Iterator

from packager.endpoints import rollout_s
from packager.fault import Fault
from packager.scaling import CANARY
from packager.secret_references import FEWER, references
from packager.spec import ApiSpec
from runtime_handler.contract import METRICS_NAME, SECRETS

MOST_VARIABLES = 4096
LONGEST_PREFIX = 81
"""Characters before an API's name in that of its stack, which its metrics carry: project (47), environment (32), and two
dashes."""
MOST_SHIFT_S = 33 * 3600


def secrets_fit(api: ApiSpec) -> Iterator[Fault]:
    """Their references, never the values, are a variable, beside the one with the name of the metrics."""
    if not api.deploy.secrets:
        return
    size = len(json.dumps({METRICS_NAME: "-" * LONGEST_PREFIX + api.name, SECRETS: references(api)}))
    if size > MOST_VARIABLES:
        room = f"with their references, the function's variables take {size:,} bytes, and Lambda has room for {MOST_VARIABLES:,}"
        message = f"{room}; {FEWER}"
        yield Fault("deploy.secrets", "deploy.function_secrets", message, ("deploy.target",))


def shifting_ends_in_time(api: ApiSpec) -> Iterator[Fault]:
    """CloudFormation waits for the last step."""
    rollout = api.deploy.rollout
    if rollout is None:
        return
    percent = CANARY.percent if rollout.percent is None else rollout.percent
    interval = CANARY.interval_s if rollout.interval_s is None else rollout.interval_s
    waits = rollout_s(rollout.strategy, percent, 1) - 1  # none after the last step
    if waits * interval > MOST_SHIFT_S:
        message = (
            f"traffic would move in {waits * interval / 3600:g} h, and CloudFormation gives an update up after 36; "
            f"use at most {MOST_SHIFT_S // waits:g} s between steps"
        )
        yield Fault("deploy.rollout.interval", "deploy.function_rollout", message, ("deploy.rollout.percent",))


def function_limits(api: ApiSpec) -> Iterator[Fault]:
    """All of them, of an API on Lambda."""
    yield from secrets_fit(api)
    yield from shifting_ends_in_time(api)
