"""cfn-lint and cdk-nag over every stack: nothing is found that was not accepted beside its resource, with a reason."""

import json
from typing import Any


def test_cfn_lint_finds_nothing(everything: Any) -> None:
    """Every template is one that CloudFormation's own schemas take."""
    from cfnlint.api import lint

    for stack, template in everything.templates.items():
        found = [f"{stack}: {match.rule.id} {match.message} {list(match.path)}" for match in lint(json.dumps(template))]
        assert not found, "\n".join(found)


def test_cdk_nag_finds_nothing_that_was_not_accepted(everything: Any) -> None:
    """AWS's solutions rules hold for every resource, or the code says why one need not."""
    from cdk_nag import AwsSolutionsChecks

    report = AwsSolutionsChecks(everything.app, verbose=True).validate_scope(everything.app)
    found = [
        f"{violation.rule_name} at {resource.construct_path}: {violation.description}"
        for violation in report.violations
        for resource in violation.violating_resources
    ]
    assert not found, "\n".join(found)


def test_every_acceptance_has_a_reason(everything: Any) -> None:
    """A finding that is left standing is explained in a sentence."""
    from aws_cdk import Validations

    reasons = [
        reason
        for construct in everything.app.node.find_all()
        for entry in construct.node.metadata
        if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for reason in entry.data.values()
    ]
    assert reasons
    assert all(len(reason) > 10 for reason in reasons)
