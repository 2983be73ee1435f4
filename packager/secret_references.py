"""`deploy.secrets` where the platform does not resolve them: the references, never the values, are one variable."""

import json

from packager.spec import ApiSpec

FEWER = "write names (ssm:/name, secretsmanager:name) in place of ARNs, or keep several values in one secret"
"""What to do where they take too much room."""


def references(api: ApiSpec) -> str:
    """The variable's value."""
    return json.dumps(dict(api.deploy.secrets), sort_keys=True)
