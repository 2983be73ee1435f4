"""Where an API runs and at which size, from its cortex.yaml."""

from pathlib import Path

import pytest

from packager.check import check
from packager.manifest import EcsSize, LambdaSize
from packager.placement import FARGATE_MEMORY_MIB, Placement
from tests.builders import a_project, an_api

TENSORFLOW = """\
- name: echo
  predictor:
    type: tensorflow
    path: predictor.py
    model_path: s3://bucket/model/
"""
TENSORFLOW_PREDICTOR = """\
class TensorFlowPredictor:
    def __init__(self, tensorflow_client, config):
        self.client = tensorflow_client

    def predict(self, payload):
        return self.client.predict(payload)
"""


def placed(folder: Path, cortex_yaml: str, **files: str) -> Placement:
    checked = check(a_project(folder, cortex_yaml, **files))
    assert checked.ok, [str(problem) for problem in checked.problems]
    placement = checked.apis[0].placement
    assert placement is not None
    return placement


@pytest.mark.parametrize(
    ("compute", "memory_mb"),
    [
        ("{cpu: 0.2, mem: 100M}", 512),
        ("{cpu: 1}", 1769),
        ("{cpu: 200m, mem: 2Gi}", 2048),
        ("{cpu: 0.2, mem: 10Gi}", 10240),
        ("{cpu: 2, mem: 1G}", 3538),
    ],
)
def test_lambda_memory_holds_the_cpu_and_the_memory_asked_for(tmp_path: Path, compute: str, memory_mb: int) -> None:
    """Lambda gives a vCPU per 1,769 MB, so that the larger of the two requests decides, above a floor of 512 MB."""
    placement = placed(tmp_path, an_api(compute=compute))
    assert placement.target == "lambda"
    assert placement.size == LambdaSize(memory_mb=memory_mb, timeout_s=30, ephemeral_storage_mb=512)


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        ("{gpu: 1}", "lambda refuses: gpu 1 is asked for, and it has none"),
        ("{inf: 1}", "lambda refuses: inf 1 is asked for, and it has none"),
        ("{mem: 11Gi}", "lambda refuses: mem 11264 MiB is more than its 10240 MB"),
        ("{cpu: 6}", "lambda refuses: cpu 6 is more than its 5.8 vCPUs"),
    ],
)
def test_what_lambda_refuses_goes_to_ecs_and_the_reason_says_so(tmp_path: Path, compute: str, sentence: str) -> None:
    """The refusal of the first target is part of the sentence that check prints."""
    placement = placed(tmp_path, an_api(compute=compute))
    assert placement.target == "ecs"
    assert placement.reason.startswith(sentence)


def test_tensorflow_runs_on_fargate_with_room_to_start(tmp_path: Path) -> None:
    """TensorFlow starts too slowly for Lambda; its task has at least a vCPU and 2 GiB."""
    placement = placed(tmp_path, TENSORFLOW, predictor_dot_py=TENSORFLOW_PREDICTOR)
    assert placement.target == "ecs"
    assert placement.size == EcsSize(cpu_units=1024, memory_mib=2048)


@pytest.mark.parametrize(
    ("compute", "instance"),
    [
        ("{gpu: 1, mem: 4G}", "g4dn.xlarge"),
        ("{gpu: 1, cpu: 5}", "g4dn.2xlarge"),
        ("{gpu: 1, mem: 100Gi}", "g6.8xlarge"),
        ("{gpu: 4}", "g4dn.12xlarge"),
        ("{gpu: 8}", "g6.48xlarge"),
        ("{inf: 1}", "inf1.xlarge"),
        ("{inf: 1, mem: 7Gi}", "inf1.2xlarge"),
    ],
)
def test_accelerated_apis_get_the_cheapest_instance_that_holds_them(tmp_path: Path, compute: str, instance: str) -> None:
    """By price, never by name: the g4dn.16xlarge has one GPU where the cheaper 12xlarge has four."""
    size = placed(tmp_path, an_api(compute=compute)).size
    assert isinstance(size, EcsSize)
    assert size.instance_type == instance


def test_fargate_sizes_are_legal_and_hold_the_request(tmp_path: Path) -> None:
    """Every CPU request that Lambda refuses and Fargate has gets a legal pair that holds it."""
    for number, (cpu, gib) in enumerate([(6, 1), (8, 30), (1, 20), (15, 100), (2, 12)]):
        size = placed(tmp_path / str(number), an_api(compute=f"{{cpu: {cpu}, mem: {gib}Gi}}")).size
        assert isinstance(size, EcsSize)
        assert size.memory_mib in FARGATE_MEMORY_MIB[size.cpu_units]
        assert size.cpu_units >= cpu * 1024
        assert size.memory_mib >= gib * 1024


def test_a_request_that_nothing_holds_is_a_problem_with_every_refusal(tmp_path: Path) -> None:
    """Nobody learns at deploy that no instance has 9 GPUs."""
    checked = check(a_project(tmp_path, an_api(compute="{gpu: 9}")))
    [problem] = [problem for problem in checked.problems if problem.severity == "error"]
    assert problem.code == "resources.no_available_node_compute_limit"
    assert "lambda refuses: gpu 9" in problem.message
    assert "ecs refuses: no instance type holds gpu 9" in problem.message


def test_an_override_of_an_unwise_refusal_warns(tmp_path: Path) -> None:
    """deploy.target is obeyed where AWS allows it, and the warning names what speaks against it."""
    checked = check(a_project(tmp_path, TENSORFLOW + "  deploy: {target: lambda}\n", predictor_dot_py=TENSORFLOW_PREDICTOR))
    assert checked.ok
    placement = checked.apis[0].placement
    assert placement is not None
    assert placement.target == "lambda"
    assert placement.size == LambdaSize(memory_mb=3008, timeout_s=30, ephemeral_storage_mb=512)
    assert any("TensorFlow starts too slowly" in problem.message for problem in checked.problems)


def test_an_override_of_an_absolute_refusal_is_an_error(tmp_path: Path) -> None:
    """Lambda has no GPU, whatever the file says."""
    checked = check(a_project(tmp_path, an_api(compute="{gpu: 1}", deploy="{target: lambda}")))
    assert not checked.ok
    assert any("deploy.target is lambda, but lambda refuses: gpu 1" in problem.message for problem in checked.problems)


def test_deploy_memory_is_the_lambda_functions_memory(tmp_path: Path) -> None:
    """More CPU than `compute` asks for is bought with memory; a task on ECS is sized by `compute` alone."""
    on_lambda = placed(tmp_path / "a", an_api(deploy="{memory: 2048}"))
    on_ecs = placed(tmp_path / "b", an_api(deploy="{memory: 2048, target: ecs}"))
    assert on_lambda.size == LambdaSize(memory_mb=2048, timeout_s=30, ephemeral_storage_mb=512)
    assert on_ecs.size == EcsSize(cpu_units=256, memory_mib=512)


@pytest.mark.parametrize(
    ("deploy", "says"),
    [
        ("{architecture: arm64}", "gpu 1 is asked for, and images for arm64 do not run on such instances"),
        ("{instance_type: g5g.xlarge}", "g5g.xlarge does not hold gpu 1"),
    ],
)
def test_the_image_runs_on_the_processor_of_its_instance(tmp_path: Path, deploy: str, says: str) -> None:
    """An image for another processor would be built, pushed, and never start."""
    checked = check(a_project(tmp_path, an_api(compute="{gpu: 1}", deploy=deploy)))
    [error] = [problem for problem in checked.problems if problem.severity == "error"]
    assert error.code == "resources.no_available_node_compute_limit"
    assert says in error.message
