"""An API as an ECS service: its container, where it runs, and in which order it goes away."""

from itertools import pairwise
from typing import Any

import pytest

TASK = "AWS::ECS::TaskDefinition"
SERVICE = "AWS::ECS::Service"
SERVICES = ("flowers", "sentiment", "speech", "private", "sleepy", "dozing", "trusted")
ON_INSTANCES = ("sentiment", "speech", "dozing")


def container(everything: Any, stack: str) -> dict[str, Any]:
    [only] = everything.only(stack, TASK)["ContainerDefinitions"]
    return only


@pytest.mark.parametrize("stack", SERVICES)
def test_containers_are_not_root_and_write_to_tmp_alone(everything: Any, stack: str) -> None:
    """Whatever a predictor is made to do, it cannot change its own image."""
    made = container(everything, stack)
    assert made["User"] == "nobody"
    assert made["ReadonlyRootFilesystem"] is True
    assert made["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert made["MountPoints"] == [{"ContainerPath": "/tmp", "ReadOnly": False, "SourceVolume": "tmp"}]


@pytest.mark.parametrize("stack", SERVICES)
def test_log_lines_carry_metrics_and_have_room(everything: Any, stack: str) -> None:
    """The driver's mode and buffer are said, so that no default of an account changes what is lost under load."""
    options = container(everything, stack)["LogConfiguration"]["Options"]
    assert options["mode"] == "non-blocking"
    assert options["max-buffer-size"] == "25m"
    assert options["awslogs-group"] == {"Ref": "Logs"}


@pytest.mark.parametrize("stack", SERVICES)
def test_predictors_know_their_region(everything: Any, stack: str) -> None:
    """boto3 wants one, and not every agent on an instance tells it; what the manifest says is there as well."""
    variables = {variable["Name"]: variable["Value"] for variable in container(everything, stack)["Environment"]}
    assert variables == {
        "AWS_DEFAULT_REGION": {"Ref": "AWS::Region"},
        "CXPACK_METRICS_NAME": f"p-dev-{stack}",
        "LOG_LEVEL": "info",
    }


@pytest.mark.parametrize("stack", SERVICES)
def test_a_bad_deploy_undoes_itself(everything: Any, stack: str) -> None:
    """Tasks that do not become healthy, and errors that the new ones answer with, bring the last good tasks back."""
    deployment = everything.only(stack, SERVICE)["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["Alarms"] == {"AlarmNames": [{"Ref": "ServerErrors"}], "Enable": True, "Rollback": True}


def test_the_update_strategy_is_cortexs(everything: Any) -> None:
    """Surge and unavailability are ECS's two percentages; without surge, tasks are not balanced over zones either."""
    service = everything.only("flowers", SERVICE)
    assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 75
    assert service["DeploymentConfiguration"]["MaximumPercent"] == 125
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert everything.only("private", SERVICE)["AvailabilityZoneRebalancing"] == "DISABLED"


@pytest.mark.parametrize("stack", SERVICES)
def test_tasks_are_balanced_over_zones_only_where_placement_lets_them(everything: Any, stack: str) -> None:
    """ECS refuses a service that asks for it with a placement strategy that does not begin with the zones."""
    service = everything.only(stack, SERVICE)
    first = next(iter(service.get("PlacementStrategies", [])), None)
    by_zone = {"Field": "attribute:ecs.availability-zone", "Type": "spread"}
    assert service["AvailabilityZoneRebalancing"] == "DISABLED" or first in (None, by_zone)
    assert (first is None) == (stack not in ON_INSTANCES)


def test_deploying_does_not_undo_the_autoscaler(everything: Any) -> None:
    """A wanted number in the template would be set again by every update."""
    for stack in SERVICES:
        assert "DesiredCount" not in everything.only(stack, SERVICE)


def test_on_fargate_a_task_is_the_size_and_lets_in_the_load_balancer_alone(everything: Any) -> None:
    """A public address without NAT, behind a closed security group."""
    task = everything.only("flowers", TASK)
    assert (task["Cpu"], task["Memory"], task["NetworkMode"]) == ("1024", "4096", "awsvpc")
    assert task["RuntimePlatform"] == {"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"}
    network = everything.only("flowers", SERVICE)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    [ingress] = everything.only("flowers", "AWS::EC2::SecurityGroup")["SecurityGroupIngress"]
    assert ingress["SourceSecurityGroupId"] == {"Ref": "BalancerGroupId"}
    assert (ingress["FromPort"], ingress["ToPort"]) == (8080, 8080)


def test_gpus_are_a_resource_of_the_container(everything: Any) -> None:
    """ECS then gives each container GPUs of its own, on AWS's image with their drivers."""
    assert container(everything, "sentiment")["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
    image = everything.templates["sentiment"]["Parameters"]["InstanceImage"]
    assert image["Default"] == "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
    template = everything.only("sentiment", "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert template["InstanceType"] == "g4dn.xlarge"
    assert template["MetadataOptions"] == {"HttpPutResponseHopLimit": 1, "HttpTokens": "required"}
    assert template["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_inferentia_chips_are_devices(everything: Any) -> None:
    """ECS knows no such resource: the device is mapped, and tasks go to that instance type alone."""
    assert container(everything, "speech")["LinuxParameters"]["Devices"] == [
        {"ContainerPath": "/dev/neuron0", "HostPath": "/dev/neuron0", "Permissions": ["read", "write"]}
    ]
    constraint = {"Expression": "attribute:ecs.instance-type == inf1.xlarge", "Type": "memberOf"}
    assert everything.only("speech", TASK)["PlacementConstraints"] == [constraint]
    assert "neuron" in everything.templates["speech"]["Parameters"]["InstanceImage"]["Default"]


@pytest.mark.parametrize("stack", ON_INSTANCES)
def test_instances_come_from_zero_and_are_enough_for_a_deploy(everything: Any, stack: str) -> None:
    """Nothing runs while there is no replica; at most, every replica and what a deploy starts beside them has one."""
    group = everything.only(stack, "AWS::AutoScaling::AutoScalingGroup")
    assert group["MinSize"] == "0"
    assert "DesiredCapacity" not in group
    assert group["MaxSize"] == {"sentiment": "5", "speech": "5", "dozing": "3"}[stack]


@pytest.mark.parametrize("stack", ON_INSTANCES)
def test_instances_can_be_deleted_with_their_stack(everything: Any, stack: str) -> None:
    """Each part depends on what must outlive it: service, association, provider, group, template, cluster."""
    resources = everything.templates[stack]["Resources"]
    order = ["Service", "CapacityProviderAssociation", "CapacityProvider", "Instances", "InstanceTemplate", "Cluster"]
    for first, then in pairwise(order):
        assert then in references(resources[first]), f"{first} does not depend on {then}"
    provider = resources["CapacityProvider"]["Properties"]["AutoScalingGroupProvider"]
    assert provider["ManagedTerminationProtection"] == "DISABLED"
    assert resources["Instances"]["Properties"]["NewInstancesProtectedFromScaleIn"] is False


@pytest.mark.parametrize("project", ["aws-models", "ecs", "fargate-demo"])
def test_a_project_may_be_called_as_aws_calls_its_own_things(synthesize: Any, api_of: Any, project: str) -> None:
    """ECS reserves such names; another is given then, and a new one with a new group, so that the provider can be replaced."""
    name = synthesize(api_of("sentiment", "gpu"), project=project).only("sentiment", "AWS::ECS::CapacityProvider")["Name"]
    assert name == {"Fn::Join": ["-", ["cp", {"Ref": "Instances"}]]}


def test_capacity_providers_are_named_by_cloudformation(everything: Any) -> None:
    """A name of ours in other stacks would replace what runs, and a group takes no second provider."""
    assert "Name" not in everything.only("sentiment", "AWS::ECS::CapacityProvider")


def references(value: Any) -> set[str]:
    """The logical ids that a resource depends on, by Ref, Fn::GetAtt or DependsOn."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(references, value.values()))
    if "Ref" in value:
        found.add(value["Ref"])
    if "Fn::GetAtt" in value:
        found.add(value["Fn::GetAtt"][0])
    return found | set(value.get("DependsOn", ()))


@pytest.mark.parametrize("stack", SERVICES)
def test_the_target_group_is_in_use_before_the_service_comes(everything: Any, stack: str) -> None:
    """ECS refuses a target group that no listener forwards to."""
    assert "Rule" in everything.templates[stack]["Resources"]["Service"]["DependsOn"]
    group = everything.only(stack, "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["HealthCheckPath"] == "/-/ready"
    assert group["TargetType"] == ("instance" if stack in ON_INSTANCES else "ip")


def test_rules_never_share_a_priority(everything: Any) -> None:
    """Every API has its own number, which does not depend on the others'."""
    priorities = [everything.only(stack, "AWS::ElasticLoadBalancingV2::ListenerRule")["Priority"] for stack in SERVICES]
    assert len(set(priorities)) == len(SERVICES)
    assert all(1 <= priority <= 50_000 for priority in priorities)


def test_secrets_are_references(everything: Any) -> None:
    """The template has where a value is kept, never the value; and only ECS may read it, to start the task."""
    names = {secret["Name"]: secret["ValueFrom"]["Fn::Join"][1][-1] for secret in container(everything, "trusted")["Secrets"]}
    assert names == {"TOKEN": ":parameter/iris/token", "KEY": ":secret:iris"}
    statements = everything.of_type("trusted", "AWS::IAM::Role")["StartingRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    reading = {statement["Action"][0]: statement["Resource"][0]["Fn::Join"][1][-1] for statement in statements[-2:]}
    assert reading == {"ssm:GetParameter": ":parameter/iris/token", "secretsmanager:GetSecretValue": ":secret:iris-??????"}
