"""Replicas follow requests in flight, and come back from none when the route is called."""

from typing import Any

POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def test_target_concurrency_is_target_tracking_on_the_runtimes_metric(everything: Any) -> None:
    """Cortex's target, bounds and stabilization periods, on what the replicas report themselves."""
    target = everything.only("flowers", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    tracking = everything.only("flowers", POLICY)["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 2
    assert (tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (60, 300)
    assert tracking["CustomizedMetricSpecification"] == {
        "Dimensions": [{"Name": "APIName", "Value": "p-dev-flowers"}],
        "MetricName": "InFlight",
        "Namespace": "cxpack",
        "Statistic": "Average",
    }


def test_a_service_without_replicas_is_woken_by_its_route(everything: Any) -> None:
    """One replica comes when the route is called and no replica reports; a service that has some is left alone."""
    waking = everything.of_type("sleepy", POLICY)["Waking"]
    steps = waking["StepScalingPolicyConfiguration"]
    assert (steps["AdjustmentType"], steps["StepAdjustments"][0]["ScalingAdjustment"]) == ("ExactCapacity", 1)
    alarm = everything.of_type("sleepy", "AWS::CloudWatch::Alarm")["CalledWhileAsleep"]
    assert alarm["AlarmActions"] == [{"Fn::GetAtt": ["Waking", "Arn"]}]
    inputs = {query["Id"]: query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query}
    assert inputs["replicas"]["MetricName"] == "InFlight"
    assert {"Name": "Resource", "Value": "/sleepy"} in inputs["called_post"]["Dimensions"]
    assert "Waking" not in everything.of_type("flowers", POLICY)


def test_calls_are_counted_by_route_where_a_route_wakes(everything: Any, synthesize: Any, api_of: Any) -> None:
    """Detailed metrics are priced by route: only the HTTP API with a sleeper behind it has them."""

    def counted(made: Any, stack: str) -> bool:
        return made.only(stack, "AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"].get("DetailedMetricsEnabled", False)

    assert counted(everything, "shared")
    assert counted(everything, "dozing")
    assert not counted(everything, "guarded")
    assert not counted(synthesize(api_of()), "shared")
