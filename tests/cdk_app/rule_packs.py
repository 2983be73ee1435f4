"""cfn-lint and cdk-nag over synthesized stacks, as lists of findings."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any


@cache
def linter() -> Any:
    """cfn-lint with its rules, whose loading takes longer than most templates."""
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    return Runner(ConfigMixIn(regions=["us-east-1"]))


def lint(templates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What CloudFormation's own schemas do not take, of templates by stack."""
    from cfnlint.decode.decode import decode_str

    found = []
    for stack, template in templates.items():
        decoded, errors = decode_str(json.dumps(template))
        matches = errors or linter().validate_template(decoded)
        found += [f"{stack}: {match.rule.id} {match.message} {list(match.path or ())}" for match in matches]
    return found


def nag(app: Any) -> list[str]:
    """What breaks AWS's solutions rules and was not accepted beside its resource."""
    from cdk_nag import AwsSolutionsChecks

    return [
        f"{violation.rule_name} at {resource.construct_path}: {violation.description}"
        for violation in AwsSolutionsChecks(app, verbose=True).validate_scope(app).violations
        for resource in violation.violating_resources
    ]
