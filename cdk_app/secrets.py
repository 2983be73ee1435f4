"""`deploy.secrets`: environment variables that are references, resolved when a container starts: by ECS, or by the runtime.

A reference is an ARN, `ssm:/parameter/name` or `secretsmanager:name`; the value is neither in the template nor in the image.
"""

import json
from collections.abc import Iterable, Mapping

from cdk_app.permissions import Statement, allow
from cdk_app.pseudo import Aws
from runtime_handler.contract import SECRETS

KINDS = {"ssm": "parameter", "secretsmanager": "secret:"}
"""Service -> how its ARNs name what it keeps."""
SUFFIX = "-??????"
"""Secrets Manager ends every ARN with a dash and six characters, which a secret's name alone does not say."""


def secret_arn(reference: str) -> str:
    """The ARN of a reference; of a secret by name without its suffix, which Secrets Manager finds as well."""
    if reference.startswith("arn:"):
        return reference
    service, _, name = reference.partition(":")
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{KINDS[service]}{name}"


def read_secrets(secrets: Mapping[str, str]) -> Iterable[Statement]:
    """Reading exactly those, with the call that each kind takes."""
    for reference in sorted(set(secrets.values())):
        if ":ssm:" in reference or reference.startswith("ssm:"):
            yield allow(["ssm:GetParameter", "ssm:GetParameters"], [secret_arn(reference)])
        else:
            suffix = SUFFIX if reference.startswith("secretsmanager:") else ""
            yield allow(["secretsmanager:GetSecretValue"], [secret_arn(reference) + suffix])


def secrets_variable(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """The references, for a container whose platform does not resolve them: the runtime does, when it starts."""
    return {SECRETS: json.dumps(dict(secrets), sort_keys=True)} if secrets else {}
