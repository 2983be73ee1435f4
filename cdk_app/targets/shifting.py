"""How traffic moves to a new version of a Lambda function: step by step, and back when an alarm goes off (CodeDeploy)."""

from collections.abc import Callable, Mapping, Sequence

from aws_cdk import CfnCodeDeployLambdaAliasUpdate, CfnUpdatePolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy

from cdk_app.accepted import accept
from cdk_app.permissions import add_role, allow
from cdk_app.pseudo import Aws
from packager.manifest import Rollout

Routing = codedeploy.CfnDeploymentConfig.TrafficRoutingConfigProperty


def canary(percent: int, minutes: int) -> Routing:
    """`percent` of the traffic first, the rest `minutes` later."""
    return Routing(
        type="TimeBasedCanary",
        time_based_canary=codedeploy.CfnDeploymentConfig.TimeBasedCanaryProperty(
            canary_percentage=percent, canary_interval=minutes
        ),
    )


def linear(percent: int, minutes: int) -> Routing:
    """`percent` more of the traffic every `minutes`."""
    return Routing(
        type="TimeBasedLinear",
        time_based_linear=codedeploy.CfnDeploymentConfig.TimeBasedLinearProperty(
            linear_percentage=percent, linear_interval=minutes
        ),
    )


ROUTING: Mapping[str, Callable[[int, int], Routing]] = {"canary": canary, "linear": linear}


def add_shifting(stack: Stack, rollout: Rollout, function: str, alarms: Sequence[cloudwatch.CfnAlarm]) -> CfnUpdatePolicy | None:
    """The policy for the alias of the function of that name; None when everything is to move at once.

    CloudFormation waits for the last step. An alarm before it moves the traffic back and fails the update, and
    CloudFormation then restores the stack as it was.
    """
    if rollout.strategy == "all_at_once":
        return None
    minutes = max(1, round(rollout.interval_s / 60))
    config = codedeploy.CfnDeploymentConfig(
        stack,
        "ShiftingSteps",
        compute_platform="Lambda",
        traffic_routing_config=ROUTING[rollout.strategy](rollout.percent, minutes),
    )
    application = codedeploy.CfnApplication(stack, "Shifting", compute_platform="Lambda").ref
    functions = f"arn:{Aws.PARTITION}:lambda:{Aws.REGION}:{Aws.ACCOUNT_ID}:function:{function}"
    role = add_role(
        stack,
        "ShiftingRole",
        "codedeploy.amazonaws.com",
        [
            allow(
                ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"], [functions, f"{functions}:*"]
            ),
            allow(["cloudwatch:DescribeAlarms"], ["*"]),
        ],
    )
    accept(role, "AwsSolutions-IAM5[Resource::*]", "CodeDeploy lists alarms before it knows their names")
    accept(
        role,
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:<Function>:*]",
        "The versions and the alias of this one function",
    )
    group = codedeploy.CfnDeploymentGroup(
        stack,
        "ShiftingGroup",
        application_name=application,
        service_role_arn=role.attr_arn,
        deployment_config_name=config.ref,
        deployment_style=codedeploy.CfnDeploymentGroup.DeploymentStyleProperty(
            deployment_option="WITH_TRAFFIC_CONTROL", deployment_type="BLUE_GREEN"
        ),
        alarm_configuration=codedeploy.CfnDeploymentGroup.AlarmConfigurationProperty(
            enabled=True, alarms=[codedeploy.CfnDeploymentGroup.AlarmProperty(name=alarm.ref) for alarm in alarms]
        ),
        auto_rollback_configuration=codedeploy.CfnDeploymentGroup.AutoRollbackConfigurationProperty(
            enabled=True, events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
        ),
    )
    return CfnUpdatePolicy(
        code_deploy_lambda_alias_update=CfnCodeDeployLambdaAliasUpdate(
            application_name=application, deployment_group_name=group.ref
        )
    )
