"""The task definition of an API: one container, not root, its file system read-only but for /tmp."""

from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs

from cdk_app.accepted import accept
from cdk_app.image import add_image
from cdk_app.logs import add_log_group
from cdk_app.permissions import accept_grants, add_role, allow, granted, write_logs
from cdk_app.project import PORT, Project
from cdk_app.pseudo import Aws
from cdk_app.secrets import read_secrets, secret_arn
from cdk_app.targets.capacity import Capacity
from packager.manifest import EcsSize, ManifestApi

CONTAINER = "api"
USER = "nobody"
STOP_S = 120
"""The most that Fargate waits between SIGTERM and SIGKILL; the runtime leaves as soon as nothing is in flight."""
LOG_BUFFER = "25m"
"""Metrics are log lines, and lines that find the buffer full are lost: this is more than the agent's own 10 MB."""


def add_task_definition(
    stack: Stack, project: Project, api: ManifestApi, size: EcsSize, capacity: Capacity
) -> ecs.CfnTaskDefinition:
    """The container with its roles: one for ECS to start it, one for what the predictor reads."""
    image = add_image(stack, project, api)
    logs = add_log_group(stack, project, api.name)
    starting = add_role(
        stack,
        "StartingRole",
        "ecs-tasks.amazonaws.com",
        [
            allow(
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [image.repository.repository_arn],
            ),
            allow(["ecr:GetAuthorizationToken"], ["*"]),
            write_logs(logs.attr_arn),
            *read_secrets(api.secrets),
        ],
        SAME_ACCOUNT,
    )
    accept(starting, "AwsSolutions-IAM5[Resource::*]", "ecr:GetAuthorizationToken takes no resource (IAM's reference of ECR)")
    serving = add_role(stack, "ServingRole", "ecs-tasks.amazonaws.com", granted(api), SAME_ACCOUNT)
    accept_grants(serving, api)
    on_instance = size.instance_type is not None
    task = ecs.CfnTaskDefinition(
        stack,
        "Task",
        family=project.stack_name(api.name),
        requires_compatibilities=[capacity.compatibility],
        network_mode=capacity.network_mode,
        cpu=None if on_instance else str(size.cpu_units),
        memory=None if on_instance else str(size.memory_mib),
        execution_role_arn=starting.attr_arn,
        task_role_arn=serving.attr_arn,
        volumes=[ecs.CfnTaskDefinition.VolumeProperty(name="tmp")],
        container_definitions=[
            ecs.CfnTaskDefinition.ContainerDefinitionProperty(
                name=CONTAINER,
                image=image.image_uri,
                essential=True,
                user=USER,
                readonly_root_filesystem=True,
                cpu=size.cpu_units if on_instance else None,
                memory=size.memory_mib,  # on Fargate, too: then the container knows its limit
                mount_points=[
                    ecs.CfnTaskDefinition.MountPointProperty(source_volume="tmp", container_path="/tmp", read_only=False)
                ],
                port_mappings=[
                    ecs.CfnTaskDefinition.PortMappingProperty(
                        container_port=PORT, host_port=0 if capacity.network_mode == "bridge" else PORT, protocol="tcp"
                    )
                ],
                # Fargate sets the region too; the agent on an instance did not before 2026.
                environment=[
                    ecs.CfnTaskDefinition.KeyValuePairProperty(name=name, value=value)
                    for name, value in sorted({"AWS_DEFAULT_REGION": Aws.REGION, **project.environment_of(api)}.items())
                ],
                secrets=[
                    ecs.CfnTaskDefinition.SecretProperty(name=name, value_from=secret_arn(reference))
                    for name, reference in sorted(api.secrets.items())
                ]
                or None,
                resource_requirements=[ecs.CfnTaskDefinition.ResourceRequirementProperty(type="GPU", value=str(size.gpu))]
                if size.gpu
                else None,
                linux_parameters=ecs.CfnTaskDefinition.LinuxParametersProperty(
                    init_process_enabled=True,
                    capabilities=ecs.CfnTaskDefinition.KernelCapabilitiesProperty(drop=["ALL"]),
                    devices=[
                        ecs.CfnTaskDefinition.DeviceProperty(
                            host_path=f"/dev/neuron{index}", container_path=f"/dev/neuron{index}", permissions=["read", "write"]
                        )
                        for index in range(size.inf)
                    ]
                    or None,
                ),
                stop_timeout=STOP_S,
                log_configuration=ecs.CfnTaskDefinition.LogConfigurationProperty(
                    log_driver="awslogs",
                    options={
                        "awslogs-group": logs.ref,
                        "awslogs-region": Aws.REGION,
                        "awslogs-stream-prefix": api.name,
                        # A log service that is slow must not stop predictions, as the mode `blocking` would.
                        "mode": "non-blocking",
                        "max-buffer-size": LOG_BUFFER,
                    },
                ),
            )
        ],
        **capacity.task,
    )
    accept(task, "AwsSolutions-ECS2", "No secrets: those have a key of their own, and come from where they are kept")
    return task


SAME_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
"""Keeps ECS from taking a role on in another account's name (the confused deputy of ECS's IAM pages)."""
