"""An API as a Lambda function from its image: a version for each deploy, and an alias that callers use."""

import json
from hashlib import sha256
from typing import Any

from aws_cdk import Aws, CfnDeletionPolicy, Stack
from aws_cdk import aws_lambda as lambda_

from cdk_app.facts import Fact, learn
from cdk_app.http_api import Integration
from cdk_app.image import add_image
from cdk_app.logs import add_log_group
from cdk_app.permissions import accept_grants, add_role, read_models, write_logs
from cdk_app.project import Project
from packager.manifest import LambdaSize, ManifestApi

ALIAS = "live"


def add_function(stack: Stack, project: Project, api: ManifestApi) -> Integration:
    """The function, its version and its alias; the HTTP API may call the alias."""
    assert isinstance(api.size, LambdaSize)  # Manifest.load gives every target its own kind of size
    image = add_image(stack, project, api)
    logs = add_log_group(stack, project, api.name)
    role = add_role(stack, "FunctionRole", "lambda.amazonaws.com", [write_logs(logs.attr_arn), *read_models(api.s3_read)])
    accept_grants(role, api)
    published: dict[str, Any] = {
        "architectures": [api.image.architecture],
        "description": f"{api.kind} {api.name}",
        "memory_size": api.size.memory_mb,
        "timeout": api.size.timeout_s,
        "ephemeral_storage": lambda_.CfnFunction.EphemeralStorageProperty(size=api.size.ephemeral_storage_mb),
        "environment": lambda_.CfnFunction.EnvironmentProperty(variables=dict(api.environment)),
    }
    function = lambda_.CfnFunction(
        stack,
        "Function",
        code=lambda_.CfnFunction.CodeProperty(image_uri=image.image_uri),
        package_type="Image",
        role=role.attr_arn,
        logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=logs.ref, log_format="Text"),
        **published,
    )
    digest = sha256(json.dumps([image.asset_hash, published], default=lambda value: value._values, sort_keys=True).encode())
    version = lambda_.CfnVersion(stack, f"Version{digest.hexdigest()[:12]}", function_name=function.ref)
    # Kept when the next deploy replaces it: the previous template points the alias back to what it ran on.
    version.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN
    alias = lambda_.CfnAlias(stack, "Alias", name=ALIAS, function_name=function.ref, function_version=version.attr_version)
    if api.public:
        api_id = learn(stack, project, Fact.HttpApiId)
        lambda_.CfnPermission(
            stack,
            "RoutePermission",
            action="lambda:InvokeFunction",
            function_name=alias.ref,
            principal="apigateway.amazonaws.com",
            source_arn=f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{api_id}/*/*{api.endpoint}",
        )
    return Integration(type="AWS_PROXY", uri=alias.ref, payload_format="2.0")
