"""What the shared stack tells the API stacks: stable ids, as SSM parameters, never as exports.

An export pins its value for as long as another stack imports it, and two stacks can then block each other's updates; a
parameter is read anew at each deploy and lets each stack be deleted on its own.
"""

from enum import Enum
from weakref import WeakKeyDictionary

from aws_cdk import CfnParameter, Fn, Stack
from aws_cdk import aws_ssm as ssm

from cdk_app.project import Project
from packager.manifest import ManifestApi


class Fact(Enum):
    """The facts there are: logical name in the templates -> name in the parameter store."""

    HttpApiId = "http-api-id"
    VpcId = "vpc-id"
    SubnetIds = "subnet-ids"
    VpcLinkId = "vpc-link-id"
    ListenerArn = "listener-arn"
    BalancerName = "load-balancer-dns-name"
    BalancerGroupId = "load-balancer-security-group-id"
    ClusterName = "cluster-name"


_LEARNED: WeakKeyDictionary[Stack, dict[Fact, str]] = WeakKeyDictionary()
"""What each stack has a parameter for: the CDK knows, and asking it is two messages to Node and back."""


def tell(stack: Stack, project: Project, fact: Fact, value: str) -> None:
    """Publish a fact from the shared stack."""
    ssm.CfnParameter(stack, f"{fact.name}Parameter", type="String", name=project.parameter_name(fact.value), value=value)


def learn(stack: Stack, project: Project, fact: Fact) -> str:
    """A fact as a value in an API's template, resolved when the stack is deployed."""
    learned = _LEARNED.setdefault(stack, {})
    if fact not in learned:
        learned[fact] = CfnParameter(
            stack,
            fact.name,
            type="AWS::SSM::Parameter::Value<String>",
            default=project.parameter_name(fact.value),
            description=f"Told by the stack {project.stack_name('shared')}",
        ).value_as_string
    return learned[fact]


def tell_backend(stack: Stack, project: Project, api: ManifestApi, arn: str) -> None:
    """Publish, from an API's stack, what a load balancer forwards its requests to; only if a splitter asks for it."""
    if project.is_split(api):
        ssm.CfnParameter(stack, "BackendParameter", type="String", name=project.parameter_name(f"backends/{api.name}"), value=arn)


def learn_backend(stack: Stack, project: Project, api: ManifestApi) -> str:
    """What the stack of `api` told."""
    return _learn_of(stack, project, api, "Backend", "backends")


def tell_waking(stack: Stack, project: Project, api: ManifestApi, policy: str) -> None:
    """Publish, from an API's stack, the ARN of the scaling policy that wakes it; only if a splitter asks for it."""
    if any(api in project.woken_by(splitter) for splitter in project.manifest.splitters):
        ssm.CfnParameter(stack, "WakingParameter", type="String", name=project.parameter_name(f"waking/{api.name}"), value=policy)


def learn_waking(stack: Stack, project: Project, api: ManifestApi) -> str:
    """What the stack of `api` told."""
    return _learn_of(stack, project, api, "Waking", "waking")


def _learn_of(stack: Stack, project: Project, api: ManifestApi, what: str, folder: str) -> str:
    return CfnParameter(
        stack,
        f"{what}{project.rule_priority(api)}",
        type="AWS::SSM::Parameter::Value<String>",
        default=project.parameter_name(f"{folder}/{api.name}"),
        description=f"Told by the stack {project.stack_name(api.name)}",
    ).value_as_string


def learn_subnets(stack: Stack, project: Project) -> list[str]:
    """The subnets' ids, as a list in the template."""
    return Fn.split(",", learn(stack, project, Fact.SubnetIds))
