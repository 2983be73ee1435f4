"""An API as a Lambda function from its image or its zips: a version for each deploy, and an alias that callers use."""

import json
from hashlib import sha256
from typing import Any

from aws_cdk import Fn, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from cdk_app.accepted import accept
from cdk_app.alarms import add_error_alarm, add_share_alarm
from cdk_app.code import add_code
from cdk_app.facts import tell_backend
from cdk_app.http_api import Integration, add_url, http_api_of
from cdk_app.logs import add_log_group
from cdk_app.metrics import Metric
from cdk_app.permissions import accept_grants, add_role, granted, write_logs
from cdk_app.project import Project
from cdk_app.pseudo import Aws
from cdk_app.secrets import read_secrets, secrets_variable
from cdk_app.targets.shifting import add_shifting
from packager.manifest import LambdaSize, ManifestApi

ALIAS = "live"


def add_function(stack: Stack, project: Project, api: ManifestApi) -> Integration:
    """The function, its version and its alias; the HTTP API may call the alias."""
    assert isinstance(api.size, LambdaSize)  # Manifest.load gives every target its own kind of size
    code = add_code(stack, project, api)
    logs = add_log_group(stack, project, api.name)
    role = add_role(
        stack, "FunctionRole", "lambda.amazonaws.com", [write_logs(logs.attr_arn), *granted(api), *read_secrets(api.secrets)]
    )
    accept_grants(role, api)
    published: dict[str, Any] = {
        "architectures": [api.image.architecture],
        "description": f"{api.kind} {api.name}",
        "memory_size": api.size.memory_mb,
        "timeout": api.size.timeout_s,
        "ephemeral_storage": lambda_.CfnFunction.EphemeralStorageProperty(size=api.size.ephemeral_storage_mb),
        "snap_start": lambda_.CfnFunction.SnapStartProperty(apply_on="PublishedVersions") if api.size.snap_start else None,
        "environment": lambda_.CfnFunction.EnvironmentProperty(
            variables={**project.environment_of(api), **secrets_variable(api.secrets)}
        ),
    }
    function = lambda_.CfnFunction(
        stack,
        "Function",
        **code.properties,
        role=role.attr_arn,
        reserved_concurrent_executions=api.size.reserved_concurrency,
        logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=logs.ref, log_format="Text"),
        **published,
    )
    if api.bundle is not None:
        accept(function, "AwsSolutions-L1", "the wheels in the layers are for this version of Python, which the project chose")
    digest = sha256(json.dumps([code.digest, published], default=lambda value: value._values, sort_keys=True).encode())
    name = function.ref
    version = lambda_.CfnVersion(stack, f"Version{digest.hexdigest()[:12]}", function_name=name)
    # Kept when the next deploy replaces it, so that the alias can be pointed back to it by hand; `cxpack prune` deletes it.
    # Going back to an earlier template does not need it: CloudFormation publishes that template's code and settings anew.
    version.apply_removal_policy(RemovalPolicy.RETAIN)
    ready = api.size.provisioned_concurrency
    alias = lambda_.CfnAlias(
        stack,
        "Alias",
        name=ALIAS,
        function_name=name,
        function_version=version.attr_version,
        provisioned_concurrency_config=lambda_.CfnAlias.ProvisionedConcurrencyConfigurationProperty(
            provisioned_concurrent_executions=ready
        )
        if ready
        else None,
    )
    alarms = [add_error_alarm(stack, project, api), add_failure_alarm(stack, project, api, name)]
    policy = add_shifting(stack, api.rollout, name, alarms)
    if policy is not None:
        alias.cfn_options.update_policy = policy
    arn = alias.ref
    if api.public:
        source = f"{http_api_of(stack, project, api)}/*/*{api.endpoint}"
        lambda_.CfnPermission(
            stack,
            "RoutePermission",
            action="lambda:InvokeFunction",
            function_name=arn,
            principal="apigateway.amazonaws.com",
            source_arn=f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{source}",
        )
    else:
        add_function_url(stack, api, name, alias)
    tell_backend(stack, project, api, arn)
    return Integration(type="AWS_PROXY", uri=arn, payload_format="2.0")


def add_function_url(stack: Stack, api: ManifestApi, function: str, alias: lambda_.CfnAlias) -> None:
    """For `api_gateway: none`: no gateway's 30 s, and only for callers whose IAM identity may invoke the function."""
    url = lambda_.CfnUrl(stack, "FunctionUrl", auth_type="AWS_IAM", target_function_arn=function, qualifier=ALIAS)
    url.add_resource_dependency(alias)
    add_url(stack, Fn.join("", [url.attr_function_url, api.endpoint.lstrip("/")]), f"POST requests to {api.name} here, signed")


def add_failure_alarm(stack: Stack, project: Project, api: ManifestApi, function: str) -> cloudwatch.CfnAlarm:
    """What the runtime cannot report itself: it did not start, ran out of time, ran out of memory."""
    called = {"FunctionName": function, "Resource": f"{function}:{ALIAS}"}
    metrics = {name.lower(): Metric(name, called, "Sum", "AWS/Lambda") for name in ("Errors", "Invocations")}
    return add_share_alarm(
        stack,
        project,
        "FunctionErrors",
        f"Failed runs of {api.name}, in per cent",
        metrics,
        failed="errors",
        all_of="invocations",
    )
