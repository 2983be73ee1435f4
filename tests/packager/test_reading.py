"""A cortex.yaml read: defaults, all problems at once, and no exception for anything that a file can be."""

import subprocess
import sys
from pathlib import Path

import pytest

from packager.reading import MAX_APIS, read_project, read_text
from packager.spec import ApiSpec, Autoscaling, Compute, DeploySpec, Networking, UpdateStrategy
from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec, MonitoringSpec, PredictorSpec, ServeSpec
from tests.builders import an_api

PREDICTOR = (
    "class PythonPredictor:\n    def __init__(self, config):\n        pass\n\n    def predict(self, payload):\n        return 1\n"
)
OVERVIEW = b"""\
- name: iris-classifier
  predictor:
    type: python
    path: predictor.py
    config:
      bucket: cortex-examples
  monitoring:
    model_type: classification
  compute:
    cpu: 0.2
    mem: 100M
"""


def only(text: str) -> ApiSpec:
    reading = read_text(text.encode(), "cortex.yaml")
    assert reading.problems == ()
    (api,) = reading.apis
    return api


def test_the_overview_of_cortex_is_read() -> None:
    """A file of 0.17, without kind, is a RealtimeAPI."""
    reading = read_text(OVERVIEW, "cortex.yaml")
    assert reading.problems == ()
    (api,) = reading.apis
    assert api._replace(places={}) == ApiSpec(
        name="iris-classifier",
        kind="RealtimeAPI",
        file="cortex.yaml",
        line=1,
        path="apis[0]",
        serve=ServeSpec(
            name="iris-classifier",
            endpoint="/iris-classifier",
            predictor=PredictorSpec(type="python", path="predictor.py", config={"bucket": "cortex-examples"}),
            monitoring=MonitoringSpec(model_type="classification"),
        ),
        compute=Compute(cpu=0.2, mem=100_000_000),
        networking=Networking(endpoint="/iris-classifier"),
    )


def test_absent_sections_have_the_defaults_of_cortex() -> None:
    """Those of 0.22, which are those of the spec, too; an empty section is no different from an absent one."""
    absent = only("- name: a\n  predictor: {type: python, path: p.py}\n")
    sections = ("compute", "autoscaling", "update_strategy", "networking", "deploy")
    empty = only("- name: a\n  predictor: {type: python, path: p.py}\n" + "".join(f"  {key}: {{}}\n" for key in sections))
    assert absent._replace(places={}) == empty._replace(places={})
    assert absent.compute == Compute(cpu=0.2, mem=None, gpu=0, inf=0)
    assert absent.autoscaling == Autoscaling()
    assert absent.update_strategy == UpdateStrategy()
    assert absent.deploy == DeploySpec()
    assert absent.serve == ServeSpec(name="a", endpoint="/a", predictor=PredictorSpec(type="python", path="p.py"))


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ("autoscaling: {min_replicas: 3}", "init_replicas", 3),
        ("autoscaling: {min_replicas: 3, init_replicas: 4}", "init_replicas", 4),
        ("autoscaling: {window: 1m30s}", "window_s", 90.0),
        ("autoscaling: {max_replica_concurrency: 7}", "max_replica_concurrency", 7),
        ("autoscaling: null", "max_replicas", 100),
    ],
)
def test_scaling_values_follow_from_what_is_written(body: str, field: str, value: float) -> None:
    """Defaults that depend on other keys are filled in."""
    api = only(f"- name: a\n  predictor: {{type: python, path: p.py}}\n  {body}\n")
    assert getattr(api.autoscaling, field) == value


def test_target_concurrency_is_what_a_replica_works_on_at_once() -> None:
    """Processes times threads, without an autoscaling section too."""
    predictor = "- name: a\n  predictor: {type: python, path: p.py, processes_per_replica: 3, threads_per_process: 4}\n"
    assert only(predictor).autoscaling.target_replica_concurrency == 12
    assert only(f"{predictor}  autoscaling: {{target_replica_concurrency: 2}}\n").autoscaling.target_replica_concurrency == 2


@pytest.mark.parametrize(
    ("endpoint", "path"), [("a", "/a"), ("/a", "/a"), ("/a/", "/a"), ("a/b/", "/a/b"), ("/a.b_c-D/e", "/a.b_c-D/e")]
)
def test_an_endpoint_begins_with_a_slash_and_ends_with_none(endpoint: str, path: str) -> None:
    """As Cortex normalised it."""
    api = only(f"- name: a\n  predictor: {{type: python, path: p.py}}\n  networking: {{endpoint: {endpoint}}}\n")
    assert (api.networking.endpoint, api.serve and api.serve.endpoint) == (path, path)


def test_signature_keys_are_inherited() -> None:
    """That of `models` counts for paths without one of their own, that of the predictor for `model_path` only."""
    text = "- name: a\n  predictor: {type: tensorflow, path: p.py, MODELS}\n"
    paths = "[{name: x, path: x/}, {name: y, path: y/, signature_key: own}]"
    models = f"signature_key: ignored, models: {{signature_key: all, paths: {paths}}}"
    several, single = only(text.replace("MODELS", models)), only(text.replace("MODELS", "model_path: x/, signature_key: k"))
    assert several.serve is not None
    assert single.serve is not None
    assert several.serve.predictor.models == ModelsSpec(
        paths=(ModelPath(name="x", path="x/", signature_key="all"), ModelPath(name="y", path="y/", signature_key="own")),
        signature_key="all",
    )
    assert single.serve.predictor.models == ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="x/", signature_key="k"),))


def test_every_deploy_key_reaches_the_spec() -> None:
    """The short forms of auth and rollout mean the long ones."""
    deploy = """\
- name: a
  predictor: {type: python, path: p.py}
  deploy:
    target: ecs
    package: zip
    python: 3.11
    architecture: arm64
    memory: 2048
    timeout: 1m
    ephemeral_storage: 1024
    provisioned_concurrency: 2
    instance_type: g5.xlarge
    permissions: [{actions: ["sqs:SendMessage"], resources: ["arn:aws:sqs:eu-west-1:1:q"]}]
    auth: iam
    throttle: {rate: 10, burst: 20}
    secrets: {TOKEN: "ssm:/token"}
    rollout: canary
"""
    got = only(deploy).deploy
    assert (got.target, got.package, got.python, got.architecture) == ("ecs", "zip", "3.11", "arm64")
    assert (got.memory_mb, got.timeout_s, got.ephemeral_storage_mb) == (2048, 60.0, 1024)
    assert (got.provisioned_concurrency, got.instance_type, got.secrets) == (2, "g5.xlarge", {"TOKEN": "ssm:/token"})
    assert (got.auth.type, got.throttle and got.throttle.burst, got.rollout and got.rollout.strategy) == ("iam", 20, "canary")
    assert got.permissions[0].actions == ("sqs:SendMessage",)


def test_python_follows_the_image_where_3_12_is_not_offered() -> None:
    """Inferentia's images trail behind, and a file that says nothing of Python is to work."""
    text = "- name: a\n  predictor: {type: tensorflow, path: p.py, model_path: s3://bucket/m/}\n  compute: {inf: 1}\n"
    assert only(text).deploy.python == "3.10"


def test_three_mistakes_give_three_problems() -> None:
    """Everything wrong is said at once, each with its line and what to do."""
    text = OVERVIEW.replace(b"type: python", b"type: pyton").replace(b"cpu", b"cpus").replace(b"100M", b"100Q")
    reading = read_text(text, "cortex.yaml")
    assert reading.apis == ()
    assert [(problem.line, problem.code) for problem in reading.problems] == [
        (3, "configreader.invalid_str"),
        (10, "configreader.unsupported_key"),
        (11, "k8s.parse_quantity"),
    ]


def test_what_follows_from_a_reported_mistake_is_not_reported_again() -> None:
    """A replica count that is no number is not compared with others."""
    text = OVERVIEW + b"  autoscaling:\n    min_replicas: many\n    max_replicas: 0\n    init_replicas: 500\n"
    codes = [problem.code for problem in read_text(text, "cortex.yaml").problems]
    assert codes == ["configreader.invalid_primitive_type", "configreader.must_be_greater_than_or_equal_to"]


def test_an_api_without_a_mistake_is_read_beside_one_with() -> None:
    """Only the wrong one is left out."""
    text = OVERVIEW.decode() + OVERVIEW.decode().replace("iris-classifier", "other").replace("cpu", "cpus")
    assert [api.name for api in read_text(text.encode(), "cortex.yaml").apis] == ["iris-classifier"]


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """Named as the user typed it, with what to do."""
    (problem,) = read_project(tmp_path / "cortex.yaml").problems
    assert str(problem) == f"{tmp_path}/cortex.yaml: no such file; run this in the folder of a cortex.yaml, or name the file"
    (problem,) = read_project(tmp_path).problems
    assert "is a folder" in problem.message


@pytest.mark.parametrize(("count", "codes"), [(MAX_APIS, []), (MAX_APIS + 1, ["cxpack.too_large"])])
def test_a_file_has_no_more_entries_than_can_be_deployed(count: int, codes: list[str]) -> None:
    """Said at once, and of the file, not of each entry."""
    reading = read_text("".join(an_api(f"api-{number}") for number in range(count)).encode(), "cortex.yaml")
    assert [problem.code for problem in reading.problems] == codes
    assert len(reading.apis) == (0 if codes else count)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_a_file_name_that_no_disk_takes_is_a_problem(name: str) -> None:
    """Whatever the shell passes."""
    (problem,) = read_project(Path(name)).problems
    assert problem.code == "cxpack.unreadable_file"


def test_a_link_that_leaves_the_project_is_a_problem(tmp_path: Path) -> None:
    """Its target would not be in the image."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "predictor.py").write_text(PREDICTOR)
    (project / "cortex.yaml").write_bytes(OVERVIEW)
    (project / "predictor.py").symlink_to(tmp_path / "predictor.py")
    (problem,) = read_project(project / "cortex.yaml").problems
    assert (problem.code, problem.line, problem.path) == ("cxpack.outside_project", 4, "apis[0].predictor.path")


def test_a_link_within_the_project_is_fine(tmp_path: Path) -> None:
    """And so is a project that is reached through a link."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "real.py").write_text(PREDICTOR)
    (project / "cortex.yaml").write_bytes(OVERVIEW)
    (project / "predictor.py").symlink_to("real.py")
    (tmp_path / "link").symlink_to(project)
    assert read_project(tmp_path / "link" / "cortex.yaml").problems == ()


@pytest.mark.parametrize("path", ["~nobody-here/models", "/" + "x" * 5000, "models/" + "y" * 300, "../models", "loop"])
def test_a_model_folder_that_cannot_be_reached_is_a_problem(tmp_path: Path, path: str) -> None:
    """No exception of the operating system gets out."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "predictor.py").write_text(PREDICTOR)
    (tmp_path / "cortex.yaml").write_text(f"- name: a\n  predictor: {{type: python, path: predictor.py, model_path: '{path}'}}\n")
    codes = {problem.code for problem in read_project(tmp_path / "cortex.yaml").problems if not problem.file.endswith(".py")}
    assert codes == {"spec.model_path_not_directory"}


def test_reading_loads_no_heavy_library() -> None:
    """The command starts fast: yaml when a file is read, nothing of AWS or of schemas at all."""
    heavy = "yaml boto3 jsonschema numpy pathspec"
    program = f"import sys, packager.reading; print([name for name in '{heavy}'.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
