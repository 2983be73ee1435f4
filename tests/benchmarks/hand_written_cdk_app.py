"""A CDK app as one would write it by hand for the functions of a manifest: each resource with its typed construct, and no more.

    CDK_OUTDIR=FOLDER python hand_written_cdk_app.py cxpack.out/manifest.json

It makes the resources that `cdk_app` makes of the same manifest, and decides nothing: every property is written down here.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cdk_app.__main__ import use_installed_node

CODES = ("2XX", "3XX", "4XX", "5XX")


def main(manifest: Path) -> None:
    """One stack for each API, and one that they share."""
    use_installed_node()
    from aws_cdk import App

    app = App(auto_synth=False, builtin_cloud_formation_validation=False)
    data = json.loads(manifest.read_text())
    shared = add_shared(app, data["project"], data["apis"])
    for api in data["apis"]:
        stack = add_api(app, data["project"], api, manifest.parent / api["image"]["context"])
        stack.add_stack_dependency(shared)
    app.synth()


def add_stack(app: Any, project: str, name: str) -> Any:
    from aws_cdk import Aws, CfnOutput, Stack
    from aws_cdk import aws_ssm as ssm

    stack = Stack(app, f"{project}-dev-{name}", analytics_reporting=False, tags={"project": project, "api": name})
    address = f"https://cdk-hnb659fds-assets-{Aws.ACCOUNT_ID}-{Aws.REGION}.s3.{Aws.REGION}.{Aws.URL_SUFFIX}/template.json"
    ssm.CfnParameter(stack, "TemplateParameter", type="String", name=f"/{project}/templates/{name}", value=address)
    CfnOutput(stack, "Template", value=address, description="This deploy's template")
    return stack


def add_shared(app: Any, project: str, apis: list[dict[str, Any]]) -> Any:
    from aws_cdk import Aws
    from aws_cdk import aws_apigatewayv2 as gateway
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_ssm as ssm

    stack = add_stack(app, project, "shared")
    http = gateway.CfnApi(stack, "HttpApi", name=f"{project}-dev", protocol_type="HTTP")
    group = logs.CfnLogGroup(stack, "HttpLogs", log_group_name=f"/{project}/shared", retention_in_days=30)
    gateway.CfnStage(
        stack,
        "HttpStage",
        api_id=http.ref,
        stage_name="$default",
        auto_deploy=True,
        default_route_settings=gateway.CfnStage.RouteSettingsProperty(throttling_rate_limit=100, throttling_burst_limit=200),
        access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.attr_arn, format='{"requestId": "$context.requestId", "status": "$context.status"}'
        ),
    )
    ssm.CfnParameter(stack, "HttpApiIdParameter", type="String", name=f"/{project}/http-api-id", value=http.ref)
    region = Aws.REGION
    widgets = [widget for api in apis for widget in widgets_of(f"{project}-dev-{api['name']}", region)]
    cloudwatch.CfnDashboard(
        stack, "Dashboard", dashboard_name=f"{project}-dev", dashboard_body=json.dumps({"widgets": widgets[:500]})
    )
    return stack


def widgets_of(name: str, region: str) -> list[dict[str, Any]]:
    graphs = [
        ("Responses", [["cxpack", "StatusCode", "APIName", name, "Code", code, {"stat": "Sum"}] for code in CODES]),
        ("Latency", [["cxpack", "Latency", "APIName", name, {"stat": stat}] for stat in ("p50", "p90", "p99", "Average")]),
        ("Model loads", [["cxpack", metric, "APIName", name] for metric in ("ModelLoad", "ModelLoadError", "ModelEviction")]),
        ("Model cache", [["cxpack", metric, "APIName", name] for metric in ("ModelCacheHit", "ModelCacheMiss")]),
    ]
    return [
        {"type": "metric", "properties": {"title": title, "metrics": metrics, "region": region, "period": 60}}
        for title, metrics in graphs
    ]


def add_role(stack: Any, name: str, service: str, statements: list[dict[str, Any]]) -> Any:
    from aws_cdk import aws_iam as iam

    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    document = {"Version": "2012-10-17", "Statement": statements}
    return iam.CfnRole(
        stack,
        name,
        assume_role_policy_document={"Version": "2012-10-17", "Statement": [trust]},
        policies=[iam.CfnRole.PolicyProperty(policy_name="Permissions", policy_document=document)],
    )


def add_alarm(stack: Any, name: str, expression: str, inputs: list[tuple[str, str, str, dict[str, str]]]) -> Any:
    from aws_cdk import aws_cloudwatch as cloudwatch

    query, dimension = cloudwatch.CfnAlarm.MetricDataQueryProperty, cloudwatch.CfnAlarm.DimensionProperty
    return cloudwatch.CfnAlarm(
        stack,
        name,
        alarm_description=name,
        comparison_operator="GreaterThanThreshold",
        threshold=5,
        datapoints_to_alarm=2,
        evaluation_periods=3,
        treat_missing_data="notBreaching",
        metrics=[
            query(id="watched", expression=expression, label=name),
            *(
                query(
                    id=identifier,
                    return_data=False,
                    metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                        period=60,
                        stat="Sum",
                        metric=cloudwatch.CfnAlarm.MetricProperty(
                            namespace=namespace,
                            metric_name=metric,
                            dimensions=[dimension(name=key, value=value) for key, value in dimensions.items()],
                        ),
                    ),
                )
                for identifier, namespace, metric, dimensions in inputs
            ),
        ],
    )


def add_api(app: Any, project: str, api: dict[str, Any], context: Path) -> Any:
    from aws_cdk import Aws, CfnOutput, CfnParameter, RemovalPolicy
    from aws_cdk import aws_apigatewayv2 as gateway
    from aws_cdk import aws_ecr_assets as assets
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs

    name, size = api["name"], api["size"]
    stack = add_stack(app, project, name)
    http_api = CfnParameter(
        stack, "HttpApiId", type="AWS::SSM::Parameter::Value<String>", default=f"/{project}/http-api-id"
    ).value_as_string
    image = assets.DockerImageAsset(
        stack,
        "Image",
        directory=str(context),
        platform=assets.Platform.LINUX_AMD64,
        build_args=api["image"]["build_args"],
        display_name=name,
    )
    group = logs.CfnLogGroup(stack, "Logs", log_group_name=f"/{project}/{name}", retention_in_days=30)
    writing = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": [group.attr_arn]}
    function = lambda_.CfnFunction(
        stack,
        "Function",
        code=lambda_.CfnFunction.CodeProperty(image_uri=image.image_uri),
        package_type="Image",
        role=add_role(stack, "FunctionRole", "lambda.amazonaws.com", [writing]).attr_arn,
        architectures=["x86_64"],
        memory_size=size["memory_mb"],
        timeout=size["timeout_s"],
        ephemeral_storage=lambda_.CfnFunction.EphemeralStorageProperty(size=size["ephemeral_storage_mb"]),
        environment=lambda_.CfnFunction.EnvironmentProperty(variables={"CXPACK_METRICS_NAME": f"{project}-dev-{name}"}),
        logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=group.ref, log_format="Text"),
    )
    version = lambda_.CfnVersion(stack, "Version1", function_name=function.ref)
    version.apply_removal_policy(RemovalPolicy.RETAIN)
    alias = lambda_.CfnAlias(stack, "Alias", name="live", function_name=function.ref, function_version=version.attr_version)
    called = {"FunctionName": function.ref, "Resource": f"{function.ref}:live"}
    alarms = [
        add_alarm(
            stack,
            "ServerErrors",
            "100 * m5xx / (m2xx + m3xx + m4xx + m5xx)",
            [(f"m{code.lower()}", "cxpack", "StatusCode", {"APIName": f"{project}-dev-{name}", "Code": code}) for code in CODES],
        ),
        add_alarm(
            stack,
            "FunctionErrors",
            "100 * errors / invocations",
            [(metric.lower(), "AWS/Lambda", metric, called) for metric in ("Errors", "Invocations")],
        ),
    ]
    alias.cfn_options.update_policy = add_shifting(stack, function, alarms)
    lambda_.CfnPermission(
        stack,
        "RoutePermission",
        action="lambda:InvokeFunction",
        function_name=alias.ref,
        principal="apigateway.amazonaws.com",
        source_arn=f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{http_api}/*/*{api['endpoint']}",
    )
    integration = gateway.CfnIntegration(
        stack,
        "Integration",
        api_id=http_api,
        integration_type="AWS_PROXY",
        integration_uri=alias.ref,
        integration_method="POST",
        payload_format_version="2.0",
        timeout_in_millis=30_000,
    )
    gateway.CfnRoute(
        stack,
        "Route",
        api_id=http_api,
        route_key=f"ANY {api['endpoint']}",
        target=f"integrations/{integration.ref}",
        authorization_type="NONE",
    )
    CfnOutput(stack, "Url", value=f"https://{http_api}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}{api['endpoint']}")
    return stack


def add_shifting(stack: Any, function: Any, alarms: list[Any]) -> Any:
    from aws_cdk import Aws, CfnCodeDeployLambdaAliasUpdate, CfnUpdatePolicy
    from aws_cdk import aws_codedeploy as codedeploy

    of_config, of_group = codedeploy.CfnDeploymentConfig, codedeploy.CfnDeploymentGroup
    config = of_config(
        stack,
        "ShiftingSteps",
        compute_platform="Lambda",
        traffic_routing_config=of_config.TrafficRoutingConfigProperty(
            type="TimeBasedCanary",
            time_based_canary=of_config.TimeBasedCanaryProperty(canary_percentage=10, canary_interval=5),
        ),
    )
    application = codedeploy.CfnApplication(stack, "Shifting", compute_platform="Lambda")
    arn = f"arn:{Aws.PARTITION}:lambda:{Aws.REGION}:{Aws.ACCOUNT_ID}:function:{function.ref}"
    statements = [
        {"Effect": "Allow", "Action": ["lambda:GetAlias", "lambda:UpdateAlias"], "Resource": [arn, f"{arn}:*"]},
        {"Effect": "Allow", "Action": ["cloudwatch:DescribeAlarms"], "Resource": ["*"]},
    ]
    group = of_group(
        stack,
        "ShiftingGroup",
        application_name=application.ref,
        service_role_arn=add_role(stack, "ShiftingRole", "codedeploy.amazonaws.com", statements).attr_arn,
        deployment_config_name=config.ref,
        deployment_style=of_group.DeploymentStyleProperty(deployment_option="WITH_TRAFFIC_CONTROL", deployment_type="BLUE_GREEN"),
        alarm_configuration=of_group.AlarmConfigurationProperty(
            enabled=True, alarms=[of_group.AlarmProperty(name=alarm.ref) for alarm in alarms]
        ),
        auto_rollback_configuration=of_group.AutoRollbackConfigurationProperty(
            enabled=True, events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
        ),
    )
    return CfnUpdatePolicy(
        code_deploy_lambda_alias_update=CfnCodeDeployLambdaAliasUpdate(
            application_name=application.ref, deployment_group_name=group.ref
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
