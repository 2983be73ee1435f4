"""One log group for each API and one for the HTTP API, kept as long as the settings say, deleted with its stack."""

from aws_cdk import Stack
from aws_cdk import aws_logs as logs

from cdk_app.project import Project


def add_log_group(stack: Stack, project: Project, part: str, name: str = "Logs") -> logs.CfnLogGroup:
    """`part` says whose it is. Encrypted by CloudWatch Logs, as every log group is."""
    return add_log_group_at(stack, project, project.log_group_name(part), name)


def add_log_group_at(stack: Stack, project: Project, path: str, name: str = "Logs") -> logs.CfnLogGroup:
    """Where AWS chose the path; `cxpack logs` finds an API's group by the logical name `Logs`."""
    return logs.CfnLogGroup(stack, name, log_group_name=path, retention_in_days=project.settings.log_days)
