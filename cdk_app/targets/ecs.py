"""An API as an ECS service behind the load balancer: on Fargate, or on instances of its own with GPUs or Inferentia."""

from aws_cdk import Fn, Stack
from aws_cdk import aws_ecs as ecs

from cdk_app.alarms import add_error_alarm
from cdk_app.facts import tell_backend
from cdk_app.http_api import Integration, through_load_balancer
from cdk_app.load_balancing import add_target_group
from cdk_app.project import PORT, START_S, Project
from cdk_app.scaling import add_scaling
from cdk_app.targets.capacity import on_fargate
from cdk_app.targets.instances import on_instances
from cdk_app.targets.task import CONTAINER, add_task_definition
from packager.manifest import EcsSize, ManifestApi


def add_service(stack: Stack, project: Project, api: ManifestApi) -> Integration:
    """The task definition, the service, and their place behind the load balancer."""
    assert isinstance(api.size, EcsSize)  # Manifest.load gives every target its own kind of size
    capacity = (on_instances if api.size.instance_type else on_fargate)(stack, project, api)
    group, rule = add_target_group(stack, project, api, capacity.target_type)
    alarm = add_error_alarm(stack, project, api)
    service = ecs.CfnService(
        stack,
        "Service",
        cluster=capacity.cluster,
        task_definition=add_task_definition(stack, project, api, api.size, capacity).ref,
        # No desired count: naming one would undo the autoscaler's at every deploy. ECS starts the first with one task.
        deployment_configuration=ecs.CfnService.DeploymentConfigurationProperty(
            minimum_healthy_percent=api.rollout.min_healthy_percent,
            maximum_percent=api.rollout.max_healthy_percent,
            deployment_circuit_breaker=ecs.CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            alarms=ecs.CfnService.DeploymentAlarmsProperty(alarm_names=[alarm.ref], enable=True, rollback=True),
        ),
        # Said in either case: a service that is created without a word about it is one that rebalances.
        availability_zone_rebalancing="ENABLED" if capacity.rebalances and api.rollout.max_healthy_percent > 100 else "DISABLED",
        health_check_grace_period_seconds=START_S,
        load_balancers=[
            ecs.CfnService.LoadBalancerProperty(container_name=CONTAINER, container_port=PORT, target_group_arn=group.ref)
        ],
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        **capacity.service,
    )
    for resource in (rule, *capacity.before):  # ECS refuses a target group that no listener forwards to yet
        service.add_resource_dependency(resource)
    add_scaling(stack, project, api, Fn.join("/", ["service", capacity.cluster, service.attr_name]))
    tell_backend(stack, project, api, group.ref)
    return through_load_balancer(stack, project)
