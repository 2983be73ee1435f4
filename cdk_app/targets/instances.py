"""Instances with GPUs or Inferentia chips for one API: a cluster, an auto scaling group from zero, a capacity provider.

The cluster is the API's own, and costs nothing: a cluster's capacity providers are one resource, which in a shared
cluster would have to know every API, and could be neither changed nor deleted before all of their services.
"""

from collections.abc import Iterable
from math import ceil

from aws_cdk import CfnParameter, Fn, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam

from cdk_app.accepted import accept
from cdk_app.facts import Fact, learn, learn_subnets
from cdk_app.network import add_security_group
from cdk_app.permissions import Statement, add_role, allow
from cdk_app.project import Project
from cdk_app.targets.capacity import Capacity, from_balancer
from packager.manifest import EcsSize, ManifestApi

EPHEMERAL_PORTS = (32768, 65535)
"""Where ECS binds containers of the network mode `bridge` on their instance."""
IMAGES = "/aws/service/ecs/optimized-ami/amazon-linux-2023/{kind}/recommended/image_id"
"""The parameter that AWS keeps pointing at its newest ECS-optimized image of a kind: gpu, neuron."""
DISK_GIB = 100
"""Images with CUDA are 10 GB and more, and the models of several versions lie beside them."""
RESERVED = ("aws", "ecs", "fargate")
"""How the name of a capacity provider may not begin (CreateCapacityProvider)."""


def on_instances(stack: Stack, project: Project, api: ManifestApi) -> Capacity:
    """Containers share their instance's network (`bridge`): its public address is their way out, without NAT.

    Deleting goes against the arrows: service, association, provider, group, template, cluster. Nothing protects the
    instances from scaling in, or the group could not be deleted.

    Tasks fill one instance before they start another, which ECS does not do for a service that it balances over zones: that
    one's first placement strategy, if any, is the spread over them ("Balancing an Amazon ECS service across Availability
    Zones"; the CDK's Ec2Service refuses any other).
    """
    size = api.size
    assert isinstance(size, EcsSize)
    assert size.instance_type is not None
    cluster = ecs.CfnCluster(stack, "Cluster")
    accept(cluster, "AwsSolutions-ECS4", "Container Insights is priced by metric; the runtime reports its own")
    group = add_group(stack, project, api, add_template(stack, project, api, size, cluster))
    provider = ecs.CfnCapacityProvider(
        stack,
        "CapacityProvider",
        name=provider_name(stack, group),
        auto_scaling_group_provider=ecs.CfnCapacityProvider.AutoScalingGroupProviderProperty(
            auto_scaling_group_arn=group.ref,
            managed_draining="ENABLED",
            managed_scaling=ecs.CfnCapacityProvider.ManagedScalingProperty(status="ENABLED", target_capacity=100),
            managed_termination_protection="DISABLED",
        ),
    )
    association = ecs.CfnClusterCapacityProviderAssociations(
        stack,
        "CapacityProviderAssociation",
        cluster=cluster.ref,
        capacity_providers=[provider.ref],
        default_capacity_provider_strategy=[
            ecs.CfnClusterCapacityProviderAssociations.CapacityProviderStrategyProperty(capacity_provider=provider.ref, weight=1)
        ],
    )
    return Capacity(
        cluster=cluster.ref,
        compatibility="EC2",
        network_mode="bridge",
        target_type="instance",
        rebalances=False,
        service={
            "capacity_provider_strategy": [
                ecs.CfnService.CapacityProviderStrategyItemProperty(capacity_provider=provider.ref, weight=1)
            ],
            "placement_strategies": [ecs.CfnService.PlacementStrategyProperty(type="binpack", field="memory")],
        },
        task={
            "placement_constraints": [
                ecs.CfnTaskDefinition.TaskDefinitionPlacementConstraintProperty(
                    type="memberOf", expression=f"attribute:ecs.instance-type == {size.instance_type}"
                )
            ]
        },
        before=(association,),
    )


def provider_name(stack: Stack, group: autoscaling.CfnAutoScalingGroup) -> str | None:
    """None for CloudFormation's own, which begins with the stack's; a name of ours where that is one ECS reserves.

    The group is named in it: a provider is replaced when its group is, and the old one stands until the new one does.
    """
    return Fn.join("-", ["cp", group.ref]) if stack.stack_name.lower().startswith(RESERVED) else None


def add_template(
    stack: Stack, project: Project, api: ManifestApi, size: EcsSize, cluster: ecs.CfnCluster
) -> ec2.CfnLaunchTemplate:
    """An ECS instance of the size's type, from AWS's newest image for its chips."""
    role = add_role(stack, "InstanceRole", "ec2.amazonaws.com", agent_statements(cluster))
    accept(role, "AwsSolutions-IAM5[Resource::*]", "These actions of the ECS agent take no resource; the cluster is a condition")
    profile = iam.CfnInstanceProfile(stack, "InstanceProfile", roles=[role.ref])
    image = CfnParameter(
        stack,
        "InstanceImage",
        type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
        default=IMAGES.format(kind="gpu" if size.gpu else "neuron"),
    )
    group = add_security_group(
        stack,
        "InstanceGroup",
        learn(stack, project, Fact.VpcId),
        f"Instances of {api.name}",
        [from_balancer(stack, project, *EPHEMERAL_PORTS)],
    )
    lines = ["#!/bin/bash", "cat <<'END' >> /etc/ecs/ecs.config", f"ECS_CLUSTER={cluster.ref}", "ECS_AWSVPC_BLOCK_IMDS=true"]
    if size.gpu:
        lines.append("ECS_ENABLE_GPU_SUPPORT=true")
    return ec2.CfnLaunchTemplate(
        stack,
        "InstanceTemplate",
        launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
            image_id=image.value_as_string,
            instance_type=size.instance_type,
            iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(arn=profile.attr_arn),
            user_data=Fn.base64("\n".join([*lines, "END", ""])),
            # One hop: the instance's own credentials stay out of the containers' reach.
            metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(http_tokens="required", http_put_response_hop_limit=1),
            block_device_mappings=[
                ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                    device_name="/dev/xvda",
                    ebs=ec2.CfnLaunchTemplate.EbsProperty(
                        volume_size=DISK_GIB, volume_type="gp3", encrypted=True, delete_on_termination=True
                    ),
                )
            ],
            network_interfaces=[
                ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
                    device_index=0,
                    groups=[group.attr_group_id],
                    associate_public_ip_address=project.has_public_subnets,
                    delete_on_termination=True,
                )
            ],
            monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
        ),
    )


def add_group(
    stack: Stack, project: Project, api: ManifestApi, template: ec2.CfnLaunchTemplate
) -> autoscaling.CfnAutoScalingGroup:
    """From no instance to one for each replica, with room for those that a deploy starts beside them."""
    group = autoscaling.CfnAutoScalingGroup(
        stack,
        "Instances",
        min_size="0",
        max_size=str(ceil(api.scaling.max_replicas * max(api.rollout.max_healthy_percent, 100) / 100)),
        vpc_zone_identifier=learn_subnets(stack, project),
        launch_template=autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        ),
        new_instances_protected_from_scale_in=False,
        tags=[
            autoscaling.CfnAutoScalingGroup.TagPropertyProperty(
                key="Name", value=project.stack_name(api.name), propagate_at_launch=True
            ),
            # ECS sets this tag itself, and would lose it to the next update of the group were it not here.
            autoscaling.CfnAutoScalingGroup.TagPropertyProperty(key="AmazonECSManaged", value="true", propagate_at_launch=True),
        ],
    )
    accept(group, "AwsSolutions-AS3", "Instances come and go with the replicas; the service's events say why")
    return group


def agent_statements(cluster: ecs.CfnCluster) -> Iterable[Statement]:
    """What the ECS agent does, on this cluster alone (AmazonEC2ContainerServiceforEC2Role without its breadth)."""
    yield allow(["ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance"], [cluster.attr_arn])
    yield allow(["ecs:DiscoverPollEndpoint"], ["*"])
    yield allow(
        [
            "ecs:Poll",
            "ecs:StartTelemetrySession",
            "ecs:SubmitAttachmentStateChanges",
            "ecs:SubmitContainerStateChange",
            "ecs:SubmitTaskStateChange",
            "ecs:UpdateContainerInstancesState",
        ],
        ["*"],
        {"ArnEquals": {"ecs:cluster": cluster.attr_arn}},
    )
