"""`deploy.target: sagemaker`: on which instances an API runs, what keeps it off, and what check says of it."""

from pathlib import Path

import boto3
import pytest

from packager.check import Check, check
from packager.endpoints import AMIS, endpoint_rollout, rollout_s
from packager.instances import FAMILIES, endpoint_types, instance_types
from packager.manifest import EndpointSize, ManifestApi, Rollout
from packager.manifest_entry import api_entry
from packager.placement import Placement
from tests.builders import a_project, an_api


def checked(folder: Path, deploy: str = "", **sections: str) -> Check:
    return check(a_project(folder, an_api(deploy=f"{{target: sagemaker{deploy}}}", **sections)))


def placed(folder: Path, deploy: str = "", **sections: str) -> Placement:
    made = checked(folder, deploy, **sections)
    assert made.ok, [str(problem) for problem in made.problems]
    [api] = made.apis
    assert api.placement is not None
    return api.placement


def entry(folder: Path, deploy: str = "", **sections: str) -> ManifestApi:
    [api] = checked(folder, deploy, **sections).apis
    return api_entry(api)


@pytest.mark.parametrize(
    ("compute", "instance"),
    [
        ("{cpu: 0.2, mem: 100M}", "ml.c5.large"),
        ("{cpu: 1, mem: 3Gi}", "ml.c5.large"),
        ("{cpu: 1, mem: 4Gi}", "ml.m5.large"),
        ("{cpu: 1, mem: 12Gi}", "ml.r5.large"),
        ("{cpu: 3}", "ml.c5.xlarge"),
        ("{gpu: 1, mem: 4G}", "ml.g4dn.xlarge"),
        ("{gpu: 1, cpu: 5}", "ml.g4dn.2xlarge"),
        ("{gpu: 1, mem: 60Gi}", "ml.g6.8xlarge"),
        ("{gpu: 2}", "ml.g4dn.12xlarge"),
        ("{gpu: 8}", "ml.g6.48xlarge"),
        ("{gpu: 8, mem: 1000Gi}", "ml.p4d.24xlarge"),
        ("{inf: 1}", "ml.inf1.xlarge"),
        ("{inf: 1, mem: 7Gi}", "ml.inf1.2xlarge"),
    ],
)
def test_a_replica_is_the_cheapest_whole_instance_that_holds_it(tmp_path: Path, compute: str, instance: str) -> None:
    """With room for the system beside it: 4 GiB do not fit into 4. By price, never by name, and not shared by two."""
    size = placed(tmp_path, compute=compute).size
    assert isinstance(size, EndpointSize)
    assert size.instance_type == instance


def test_the_reason_and_the_price_are_the_instances(tmp_path: Path) -> None:
    """It runs whether requests come or not."""
    made = entry(tmp_path, compute="{gpu: 1}", autoscaling="{min_replicas: 2}")
    assert made.reason == "deploy.target is sagemaker; ml.g4dn.xlarge is the cheapest instance that holds cpu 0.2, gpu 1"
    assert made.cost == f"${2 * 0.7364 * 730:,.0f} a month idle, $0.00 a million requests"


def test_drivers_are_chosen_for_gpus_and_inf2(tmp_path: Path) -> None:
    """Every family that placement may choose has a row, or needs none."""
    assert placed(tmp_path / "gpu", compute="{gpu: 1}").size == EndpointSize(
        instance_type="ml.g4dn.xlarge", ami="al2023-ami-sagemaker-inference-gpu-4-1"
    )
    inf2 = placed(tmp_path / "inf2", ", instance_type: ml.inf2.xlarge", compute="{inf: 1}").size
    assert inf2 == EndpointSize(instance_type="ml.inf2.xlarge", ami="al2-ami-sagemaker-inference-neuron-2")
    assert placed(tmp_path / "cpu").size == EndpointSize(instance_type="ml.c5.large")
    assert set(FAMILIES["gpu"]) <= set(AMIS)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("ml.c5.large", "ml.c5.large does not hold gpu 1, cpu 0.2 and mem 0 MiB"),
        ("ml.t2.medium", "ml.t2.medium is none of the types that are known here, which are of ml.c5, ml.g4dn, ml.g5"),
        ("ml.g7.enormous", "ml.g7.enormous is none of the types that are known here"),
    ],
)
def test_a_type_that_does_not_do_is_an_error_with_the_reason(tmp_path: Path, named: str, says: str) -> None:
    """Before anything is deployed; a T instance is never chosen, nor taken."""
    made = checked(tmp_path, f", instance_type: {named}", compute="{gpu: 1}")
    [error] = [problem for problem in made.problems if problem.severity == "error"]
    assert f"deploy.target is sagemaker, but sagemaker refuses: {says}" in error.message


def test_more_than_the_largest_has_is_an_error(tmp_path: Path) -> None:
    """Of everything there is a most."""
    made = checked(tmp_path, compute="{gpu: 9}")
    assert any("no instance type holds gpu 9, cpu 0.2 and mem 0 MiB" in problem.message for problem in made.problems)


def test_the_table_is_of_types_that_sagemaker_has() -> None:
    """Names are the API's, sizes EC2's where both are known, and each has a price above EC2's."""
    model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
    known = set(model.shape_for("ProductionVariantInstanceType").enum)
    images = set(model.shape_for("ProductionVariantInferenceAmiVersion").enum)
    assert set(endpoint_types()) <= known
    assert set(AMIS.values()) <= images
    assert not [name for name in endpoint_types() if name.startswith("ml.t")]
    for name, row in endpoint_types().items():
        twin = instance_types().get(name.removeprefix("ml."))
        if twin is not None:
            assert (row.vcpu, row.memory_gib, row.gpu, row.inf) == (twin.vcpu, twin.memory_gib, twin.gpu, twin.inf)
            assert 1.1 < row.usd_per_hour / twin.usd_per_hour < 1.5, name


def test_steps_need_two_instances(tmp_path: Path) -> None:
    """SageMaker measures steps in instances: a lone one is replaced at once, and the alarm watches nevertheless."""
    alone = checked(tmp_path / "a", ", rollout: canary")
    assert api_entry(alone.apis[0]).rollout.strategy == "all_at_once"
    [warning] = [problem for problem in alone.problems if problem.path == "apis[0].deploy.rollout"]
    assert (warning.severity, warning.code) == ("warning", "cxpack.approximated")
    two = checked(tmp_path / "b", ", rollout: {strategy: linear, percent: 25, interval: 2m}", autoscaling="{min_replicas: 2}")
    assert not [problem for problem in two.problems if "rollout" in (problem.path or "")]
    rollout = api_entry(two.apis[0]).rollout
    assert (rollout.strategy, rollout.percent, rollout.interval_s) == ("linear", 25, 120)
    assert rollout.timeout_s == 4 * 120 + 2700, "three waits, one after the last step, and time to start"


def test_no_guardrails_on_inf1_is_a_warning(tmp_path: Path) -> None:
    """Whoever deploys there knows that no alarm undoes it."""
    made = checked(tmp_path, compute="{inf: 1}")
    assert made.ok
    assert any(
        problem.severity == "warning" and "no guardrails on inf1" in problem.message and problem.path == "apis[0].deploy.target"
        for problem in made.problems
    )
    assert entry(tmp_path, compute="{inf: 1}").size == EndpointSize(instance_type="ml.inf1.xlarge", guarded=False)


def test_the_door_is_told_and_no_route_is_made(tmp_path: Path) -> None:
    """Whoever expects a public address, as every Cortex API had one, reads how callers get in."""
    made = checked(tmp_path, ", timeout: 50s", networking="{endpoint: /echo}")
    [note] = [problem for problem in made.problems if problem.code == "deploy.endpoint_door"]
    assert note.severity == "note"
    assert "InvokeEndpoint, signed as IAM identities" in note.message
    assert "6 MB" in note.message
    assert not [problem for problem in made.problems if problem.code == "deploy.gateway_timeout"], (
        "no gateway gives up after 30 s"
    )
    warned = {problem.path for problem in made.problems if problem.code == "cxpack.approximated"}
    assert warned == {"apis[0].deploy.timeout", "apis[0].networking.endpoint"}
    assert entry(tmp_path).public is False


def test_open_to_everybody_is_told_to_be_impossible(tmp_path: Path) -> None:
    """`auth: none` as written is approximated; `iam` is what SageMaker does, and silence asked for nothing."""

    def warned(folder: str, deploy: str) -> bool:
        return any(problem.path == "apis[0].deploy.auth" for problem in checked(tmp_path / folder, deploy).problems)

    assert warned("none", ", auth: none")
    assert not warned("iam", ", auth: iam")
    assert not warned("silent", "")


def test_sagemaker_is_never_chosen_by_itself(tmp_path: Path) -> None:
    """Its instances cost money while idle, and its door is another."""
    [api] = check(a_project(tmp_path, an_api(compute="{gpu: 1}"))).apis
    assert api.placement is not None
    assert api.placement.target == "ecs"


def test_no_deploy_may_take_longer_than_sagemaker_allows() -> None:
    """Where the waits and the start would, the start has less time."""
    slow = Rollout(min_healthy_percent=75, max_healthy_percent=125, strategy="linear", percent=10, interval_s=2800)
    assert endpoint_rollout(slow, 2).timeout_s == 28_800
    assert endpoint_rollout(slow, 1).timeout_s == 2800 + 2700


def test_waits_are_those_between_the_steps_and_one_after_the_last() -> None:
    """Three steps of 40 % have two waits between them."""
    assert rollout_s("all_at_once", 10, 300) == 300
    assert rollout_s("canary", 10, 300) == 600
    assert rollout_s("linear", 40, 300) == 900
