"""An API as a Lambda function: what callers use, and what a deploy leaves to go back to."""

from typing import Any

FUNCTION = "AWS::Lambda::Function"
VERSION = "AWS::Lambda::Version"


def test_the_function_is_what_the_manifest_says(everything: Any) -> None:
    """Size, variables and architecture come from the packager; logs go to a group of the API's own."""
    function = everything.only("iris", FUNCTION)
    assert function["PackageType"] == "Image"
    assert function["MemorySize"] == 512
    assert function["Timeout"] == 30
    assert function["EphemeralStorage"] == {"Size": 1024}
    assert function["Architectures"] == ["x86_64"]
    assert function["Environment"]["Variables"] == {"LOG_LEVEL": "info", "CXPACK_METRICS_NAME": "p-dev-iris"}
    assert function["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": {"Ref": "Logs"}}
    assert everything.only("iris", "AWS::Logs::LogGroup") == {"LogGroupName": "/cxpack/p-dev/iris", "RetentionInDays": 30}


def test_a_change_publishes_a_version_and_keeps_the_old_one(synthesize: Any, api_of: Any) -> None:
    """Code and configuration make a version's name, so that a deploy publishes when, and only when, one of them changed."""
    api = api_of()
    first, same = synthesize(api), synthesize(api)
    bigger = synthesize(api._replace(size=api.size._replace(memory_mb=1024)))
    [name] = first.of_type("iris", VERSION)
    assert list(same.of_type("iris", VERSION)) == [name]
    assert list(bigger.of_type("iris", VERSION)) != [name]
    assert first.templates["iris"]["Resources"][name]["DeletionPolicy"] == "Retain"


def test_callers_use_the_alias(everything: Any) -> None:
    """The route and its permission name the alias: the unpublished code is never called."""
    assert everything.only("iris", "AWS::ApiGatewayV2::Integration")["IntegrationUri"] == {"Ref": "Alias"}
    permission = everything.only("iris", "AWS::Lambda::Permission")
    assert permission["FunctionName"] == {"Ref": "Alias"}
    assert permission["SourceArn"]["Fn::Join"][1][-2:] == [{"Ref": "HttpApiId"}, "/*/*/iris"]


def test_a_new_version_takes_over_step_by_step_and_back_on_an_alarm(everything: Any) -> None:
    """CodeDeploy watches the alarms of the API while the canary runs, and fails the stack's update when one goes off."""
    alias = everything.templates["iris"]["Resources"]["Alias"]
    assert alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"] == {
        "ApplicationName": {"Ref": "Shifting"},
        "DeploymentGroupName": {"Ref": "ShiftingGroup"},
    }
    group = everything.only("iris", "AWS::CodeDeploy::DeploymentGroup")
    alarms = everything.of_type("iris", "AWS::CloudWatch::Alarm")
    watched = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    assert watched == {"ServerErrors", "FunctionErrors"} <= set(alarms)
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    steps = everything.only("iris", "AWS::CodeDeploy::DeploymentConfig")["TrafficRoutingConfig"]
    assert steps == {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryInterval": 5, "CanaryPercentage": 10}}
    steps = everything.only("hidden", "AWS::CodeDeploy::DeploymentConfig")["TrafficRoutingConfig"]
    assert steps == {"Type": "TimeBasedLinear", "TimeBasedLinear": {"LinearInterval": 5, "LinearPercentage": 10}}


def test_all_at_once_needs_no_deployment(everything: Any) -> None:
    """Who wants no steps waits for none."""
    assert "UpdatePolicy" not in everything.templates["eager"]["Resources"]["Alias"]
    assert not everything.of_type("eager", "AWS::CodeDeploy::DeploymentGroup")


def test_environments_are_kept_ready_or_start_from_a_snapshot(everything: Any) -> None:
    """Provisioned concurrency belongs to the alias, SnapStart to published versions."""
    alias = everything.only("eager", "AWS::Lambda::Alias")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
    assert everything.only("guarded", FUNCTION)["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "SnapStart" not in everything.only("iris", FUNCTION)


def test_concurrency_is_reserved_when_asked_for(everything: Any, synthesize: Any, api_of: Any) -> None:
    """Of the function, not of a version: changing it publishes none. Otherwise the account's is shared."""
    assert everything.only("eager", FUNCTION)["ReservedConcurrentExecutions"] == 20
    assert "ReservedConcurrentExecutions" not in everything.only("iris", FUNCTION)
    api = api_of()
    reserved = synthesize(api._replace(size=api.size._replace(reserved_concurrency=3)))
    assert set(reserved.of_type("iris", VERSION)) == set(synthesize(api).of_type("iris", VERSION))


def test_without_the_gateway_a_function_has_a_signed_address(everything: Any) -> None:
    """`api_gateway: none`: no route, and an address that only IAM identities of the account may call."""
    assert not everything.of_type("hidden", "AWS::ApiGatewayV2::Route")
    url = everything.only("hidden", "AWS::Lambda::Url")
    assert (url["AuthType"], url["Qualifier"]) == ("AWS_IAM", "live")
    assert everything.templates["hidden"]["Resources"]["FunctionUrl"]["DependsOn"] == ["Alias"]
    assert everything.templates["hidden"]["Outputs"]["Url"]["Value"]["Fn::Join"][1][1] == "hidden"


def test_a_functions_secrets_are_references(everything: Any) -> None:
    """The runtime reads them when it starts, and may read those alone."""
    variables = everything.only("eager", FUNCTION)["Environment"]["Variables"]
    assert variables["CXPACK_SECRETS"] == '{"TOKEN": "ssm:/iris/token"}'
    statements = everything.of_type("eager", "AWS::IAM::Role")["FunctionRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert statements[-1]["Action"] == ["ssm:GetParameter", "ssm:GetParameters"]
    assert statements[-1]["Resource"][0]["Fn::Join"][1][-1] == ":parameter/iris/token"
    assert "CXPACK_SECRETS" not in everything.only("iris", FUNCTION)["Environment"]["Variables"]
