"""What a service's tasks run on: Fargate here, instances of the API's own in the module beside this one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs

from cdk_app.facts import Fact, learn, learn_subnets
from cdk_app.network import add_security_group
from cdk_app.project import PORT, Project
from packager.manifest import ManifestApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`service` and `task`: what the choice adds to the two resources; `before`: what a service needs to exist.

    `target_type`: what the load balancer sends requests to, a task's address (`ip`) or an instance's port (`instance`).
    `rebalances`: whether ECS may move tasks to even out the availability zones.
    """

    cluster: str
    compatibility: str
    network_mode: str
    target_type: str
    rebalances: bool
    service: Mapping[str, Any]
    task: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[CfnResource, ...] = ()


def on_fargate(stack: Stack, project: Project, api: ManifestApi) -> Capacity:
    """Tasks with addresses of their own; public ones where the subnets are, for there is no NAT gateway."""
    group = add_security_group(
        stack, "TaskGroup", learn(stack, project, Fact.VpcId), f"Tasks of {api.name}", [from_balancer(stack, project, PORT, PORT)]
    )
    return Capacity(
        cluster=learn(stack, project, Fact.ClusterName),
        compatibility="FARGATE",
        network_mode="awsvpc",
        target_type="ip",
        rebalances=True,
        service={
            "launch_type": "FARGATE",
            "platform_version": "LATEST",
            "network_configuration": ecs.CfnService.NetworkConfigurationProperty(
                awsvpc_configuration=ecs.CfnService.AwsVpcConfigurationProperty(
                    subnets=learn_subnets(stack, project),
                    security_groups=[group.attr_group_id],
                    assign_public_ip="ENABLED" if project.has_public_subnets else "DISABLED",
                )
            ),
        },
        task={
            "runtime_platform": ecs.CfnTaskDefinition.RuntimePlatformProperty(
                cpu_architecture=api.image.architecture.upper(), operating_system_family="LINUX"
            )
        },
    )


def from_balancer(stack: Stack, project: Project, first: int, last: int) -> ec2.CfnSecurityGroup.IngressProperty:
    """What the tasks' security group lets in: the load balancer, and nothing else."""
    return ec2.CfnSecurityGroup.IngressProperty(
        ip_protocol="tcp",
        from_port=first,
        to_port=last,
        source_security_group_id=learn(stack, project, Fact.BalancerGroupId),
        description="Load balancer",
    )
