"""An API as a real-time endpoint of SageMaker: its container, its number of instances, how a new version takes over."""

import json
import subprocess
import sys
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from cdk_app.endpoint_metrics import of_endpoint
from packager.manifest import Rollout

MODEL = "AWS::SageMaker::Model"
CONFIG = "AWS::SageMaker::EndpointConfig"
ENDPOINT = "AWS::SageMaker::Endpoint"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
ENDPOINTS = ("hosted", "seeing", "hearing")


def variant(everything: Any, stack: str) -> dict[str, Any]:
    [only] = everything.only(stack, CONFIG)["ProductionVariants"]
    return only


def statements(everything: Any, stack: str) -> dict[str, Any]:
    """First action -> the whole statement, of the role that the container has."""
    role = everything.of_type(stack, "AWS::IAM::Role")["ServingRole"]
    return {statement["Action"][0]: statement for statement in role["Policies"][0]["PolicyDocument"]["Statement"]}


def test_the_container_is_what_the_manifest_says(everything: Any) -> None:
    """Image and variables as elsewhere; secrets are references, which the runtime reads when it starts."""
    container = everything.only("hosted", MODEL)["PrimaryContainer"]
    assert container["Environment"] == {
        "AWS_DEFAULT_REGION": {"Ref": "AWS::Region"},
        "LOG_LEVEL": "info",
        "CXPACK_METRICS_NAME": "p-dev-hosted",
        "CXPACK_SECRETS": '{"TOKEN": "ssm:/iris/token"}',
    }
    assert "container-assets" in json.dumps(container["Image"])
    assert "ModelDataUrl" not in container, "models come from where cortex.yaml says"
    assert variant(everything, "hosted")["InstanceType"] == "ml.c5.large"
    assert variant(everything, "hosted")["ContainerStartupHealthCheckTimeoutInSeconds"] == 900
    assert variant(everything, "hosted")["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}


def plain(value: Any) -> Any:
    """The properties with a text in the place of each intrinsic function."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if any(name == "Ref" or name.startswith("Fn::") for name in value):
        return "arn:aws:of:what:it:resolves-to"
    return {name: plain(each) for name, each in value.items()}


def test_sagemakers_api_takes_what_cloudformation_hands_on(everything: Any, synthesize: Any, api_of: Any) -> None:
    """Properties have the names of the API's parameters, whose required ones CloudFormation's schema does not all require."""
    model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
    at_once = synthesize(
        api_of("a", "endpoint", rollout=Rollout(min_healthy_percent=75, max_healthy_percent=125, strategy="all_at_once"))
    )
    for made, stack in [(everything, stack) for stack in ENDPOINTS] + [(at_once, "a")]:
        for kind, operation, named in (
            (MODEL, "CreateModel", {"ModelName": "resolved"}),
            (CONFIG, "CreateEndpointConfig", {"EndpointConfigName": "resolved"}),
            (ENDPOINT, "UpdateEndpoint", {}),
        ):
            shape = model.operation_model(operation).input_shape
            found = ParamValidator().validate({**plain(made.only(stack, kind)), **named}, shape)
            assert not found.has_errors(), found.generate_report()


def test_the_driver_is_one_for_the_containers_libraries(everything: Any) -> None:
    """SageMaker's default for g4dn and g5 is older than CUDA 12."""
    assert variant(everything, "seeing")["InferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert "InferenceAmiVersion" not in variant(everything, "hosted")


def test_the_role_may_what_the_api_may_and_what_its_endpoint_needs(everything: Any) -> None:
    """Its models, its secrets, what was granted; of the platform's things its own log group, alarm and image alone."""
    made = statements(everything, "hosted")
    assert made["s3:GetObject"]["Resource"][0]["Fn::Join"][1][-1].endswith(":s3:::models/hosted/*")
    assert made["ssm:GetParameter"]["Resource"][0]["Fn::Join"][1][-1] == ":parameter/iris/token"
    assert made["sqs:SendMessage"]["Resource"] == ["arn:aws:sqs:us-east-1:123456789012:queue"]
    assert made["logs:CreateLogGroup"]["Resource"] == [{"Fn::GetAtt": ["Logs", "Arn"]}]
    assert made["cloudwatch:DescribeAlarms"]["Resource"] == [{"Fn::GetAtt": ["EndpointErrors", "Arn"]}]
    assert made["cloudwatch:PutMetricData"]["Condition"]["StringEquals"]["cloudwatch:namespace"]
    trust = everything.of_type("hosted", "AWS::IAM::Role")["ServingRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trust] == [{"Service": "sagemaker.amazonaws.com"}]


@pytest.mark.parametrize("stack", ENDPOINTS)
def test_endpoint_alarm_and_logs_go_by_one_name(everything: Any, stack: str) -> None:
    """SageMaker writes to a group of the endpoint's name; ours is there first, and goes with the stack."""
    name = everything.only(stack, ENDPOINT)["EndpointName"]
    assert name == f"p-dev-{stack}"
    logs = everything.templates[stack]["Resources"]["Logs"]
    assert logs["Properties"] == {"LogGroupName": f"/aws/sagemaker/Endpoints/{name}", "RetentionInDays": 30}
    assert logs.get("DeletionPolicy", "Delete") == "Delete"  # CloudFormation deletes what nothing keeps
    assert everything.templates[stack]["Resources"]["Endpoint"]["DependsOn"] == ["Logs"]
    for query in everything.of_type(stack, "AWS::CloudWatch::Alarm")["EndpointErrors"]["Metrics"]:
        if "MetricStat" in query:
            watched = query["MetricStat"]["Metric"]
            assert watched["Namespace"] == "AWS/SageMaker"
            assert watched["Dimensions"] == [
                {"Name": "EndpointName", "Value": name},
                {"Name": "VariantName", "Value": variant(everything, stack)["VariantName"]},
            ]


def test_the_alarm_leaves_out_what_callers_did_wrong(everything: Any) -> None:
    """Time-outs and broken connections count, answers of 4XX do not."""
    metrics = everything.of_type("hosted", "AWS::CloudWatch::Alarm")["EndpointErrors"]["Metrics"]
    names = {query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in metrics if "MetricStat" in query}
    assert names == {"failed": "InvocationModelErrors", "refused": "Invocation4XXErrors", "invocations": "Invocations"}
    [expression] = [query["Expression"] for query in metrics if "Expression" in query]
    assert expression == "IF(FILL((failed - refused), 0) > 1, 100 * (failed - refused) / (invocations), 0)"
    with pytest.raises(KeyError):
        of_endpoint("InvocationErrors", "Sum", endpoint="p-dev-hosted")


def test_names_that_are_too_long_keep_apart(synthesize: Any, api_of: Any) -> None:
    """SageMaker takes 63 characters, which project, environment and API may exceed together."""
    long = "a-very-long-name-of-an-api-for-a-model-of-images-of"
    made = synthesize(
        api_of(f"{long}-cats", "endpoint"), api_of(f"{long}-dogs", "endpoint"), project="a-project-with-a-name-as-long-as-can-be"
    )
    names = [made.only(stack, ENDPOINT)["EndpointName"] for stack in made.templates if stack != "shared"]
    assert [len(name) <= 63 for name in names] == [True, True]
    assert len(set(names)) == 2
    assert all(name.startswith("a-project-with-a-name-as-long-as-can-be-dev-a-very") for name in names)


def test_a_new_version_takes_over_step_by_step_and_back_on_an_alarm(everything: Any, synthesize: Any, api_of: Any) -> None:
    """Each strategy is SageMaker's of that name, and the old instances stay until the alarm has had time after the last step."""
    deployment = everything.only("hosted", ENDPOINT)["DeploymentConfig"]
    assert deployment["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": {"Ref": "EndpointErrors"}}]}
    policy = deployment["BlueGreenUpdatePolicy"]
    ten = {"Type": "CAPACITY_PERCENT", "Value": 10}
    assert policy["TrafficRoutingConfiguration"] == {"Type": "CANARY", "CanarySize": ten, "WaitIntervalInSeconds": 300}
    assert policy["TerminationWaitInSeconds"] == 300
    linear = everything.only("seeing", ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert linear["TrafficRoutingConfiguration"] == {"Type": "LINEAR", "LinearStepSize": ten, "WaitIntervalInSeconds": 300}
    at_once = Rollout(min_healthy_percent=75, max_healthy_percent=125, strategy="all_at_once", interval_s=60, timeout_s=2760)
    made = synthesize(api_of("a", "endpoint", rollout=at_once)).only("a", ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert made == {
        "MaximumExecutionTimeoutInSeconds": 2760,
        "TerminationWaitInSeconds": 60,
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
    }


def test_where_sagemaker_has_no_guardrails_none_are_asked_for(everything: Any) -> None:
    """It refuses the configuration on Inf1."""
    assert "DeploymentConfig" not in everything.only("hearing", ENDPOINT)


def test_instances_follow_sagemakers_own_count_of_requests_in_flight(everything: Any) -> None:
    """Cortex's target, bounds and stabilization periods, on a metric that needs nothing of the container."""
    target = everything.only("hosted", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"], target["ServiceNamespace"]) == (1, 4, "sagemaker")
    assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    name = {"Fn::GetAtt": ["Endpoint", "EndpointName"]}
    assert target["ResourceId"] == {"Fn::Join": ["/", ["endpoint", name, "variant/live"]]}
    tracking = everything.only("hosted", POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["TargetValue"], tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (2, 60, 300)
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    }
    assert "CustomizedMetricSpecification" not in tracking


def test_a_deploy_keeps_the_autoscalers_number_or_sets_a_fixed_one(everything: Any) -> None:
    """Without a range there is no autoscaler, whose presence would also forbid another instance type."""
    assert everything.only("hosted", ENDPOINT)["RetainAllVariantProperties"] is True
    assert everything.only("hearing", ENDPOINT)["RetainAllVariantProperties"] is False
    assert not everything.of_type("hearing", POLICY)
    assert variant(everything, "hosted")["InitialInstanceCount"] == 1


def test_the_way_in_is_invoke_endpoint(everything: Any) -> None:
    """No route; the address is SageMaker's, which signed requests may also be POSTed to."""
    assert not everything.of_type("hosted", "AWS::ApiGatewayV2::Route")
    outputs = everything.templates["hosted"]["Outputs"]
    assert outputs["EndpointName"]["Value"] == "p-dev-hosted"
    assert outputs["Url"]["Value"]["Fn::Join"][1] == [
        "https://runtime.sagemaker.",
        {"Ref": "AWS::Region"},
        ".",
        {"Ref": "AWS::URLSuffix"},
        "/endpoints/p-dev-hosted/invocations",
    ]


def test_endpoints_alone_need_neither_network_nor_http_api(synthesize: Any, api_of: Any) -> None:
    """What such a project shares is a dashboard, even where the manifest was told that an endpoint is public."""
    made = synthesize(api_of("hosted", "endpoint")._replace(public=False))
    kinds = {resource["Type"] for resource in made.templates["shared"]["Resources"].values()}
    assert kinds == {"AWS::CloudWatch::Dashboard", "AWS::SSM::Parameter"}


def test_a_project_of_endpoints_does_not_wait_for_the_modules_of_other_services() -> None:
    """Every module of CDK's that is imported costs time at each synthesis."""
    code = "import cdk_app.targets.endpoint, sys; print(*sorted(name for name in sys.modules if name.startswith('aws_cdk.aws_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "aws_cdk.aws_sagemaker" in loaded
    assert not loaded & {"aws_cdk.aws_ecs", "aws_cdk.aws_lambda", "aws_cdk.aws_codedeploy", "aws_cdk.aws_autoscaling"}
