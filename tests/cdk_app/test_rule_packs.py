"""cfn-lint and cdk-nag over every stack: nothing is found that was not accepted beside its resource, with a reason."""

from typing import Any

from tests.cdk_app.rule_packs import lint, nag


def test_cfn_lint_finds_nothing(everything: Any) -> None:
    """Every template is one that CloudFormation's own schemas take."""
    assert not lint(everything.templates)


def test_cdk_nag_finds_nothing_that_was_not_accepted(everything: Any) -> None:
    """AWS's solutions rules hold for every resource, or the code says why one need not."""
    assert not nag(everything.app)


def test_the_packs_find_what_is_wrong(everything: Any, synthesize: Any, api_of: Any) -> None:
    """A property that CloudFormation lacks, and a role that may do everything."""
    iris = everything.templates["iris"]
    broken = {**iris["Resources"], "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInWeeks": 1}}}
    [finding] = lint({"iris": {**iris, "Resources": broken}})
    assert "RetentionInWeeks" in finding
    made = synthesize(api_of())
    role = made.app.node.find_child("p-dev-iris").node.find_child("FunctionRole")
    statement = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}
    role.policies = [{"policyName": "Everything", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}]
    assert {finding.split("[")[0] for finding in nag(made.app)} == {"AwsSolutions-IAM5"}


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
