"""Every deploy's template stays where a rollback finds it.

CloudFormation undoes failed updates by itself, and nothing else: going back from an update that succeeded is an update
with the previous template. The CDK CLI leaves every template in the bootstrap bucket, but nobody can tell which it was.
So each stack carries the address of its own template, as the output `Template` and in an SSM parameter, whose history
(`cxpack rollback --list`, `aws ssm get-parameter-history`, or the tab of that name in the console) is the list of its deploys.

A template cannot contain its own hash. It contains a placeholder until the assembly is written; the CLI then names the
object after the hash of the template with the placeholder, and that is what the placeholder becomes.
"""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ssm as ssm

from cdk_app.project import Project
from cdk_app.pseudo import Aws

PLACEHOLDER = "cxpack-hash-of-this-template"


def add_history(stack: Stack, project: Project, part: str) -> None:
    """The address of the stack's template, now and at each deploy before; `part` is the stack's."""
    bucket = f"cdk-{project.settings.qualifier}-assets-{Aws.ACCOUNT_ID}-{Aws.REGION}"
    address = f"https://{bucket}.s3.{Aws.REGION}.{Aws.URL_SUFFIX}/{PLACEHOLDER}.json"
    name = project.parameter_name(f"templates/{part}")
    ssm.CfnParameter(
        stack, "TemplateParameter", type="String", name=name, value=address, description="Its history is that of the stack"
    )
    CfnOutput(
        stack,
        "Template",
        value=address,
        description=f"This deploy's template; to go back, update the stack with one from the history of {name}",
    )
