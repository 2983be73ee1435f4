"""What an API counts on that the place it was given lacks."""

from pathlib import Path

import pytest

from packager.check import check

PREDICTOR = """
import os
import torch

class PythonPredictor:
    def __init__(self, config):
        self.keys = os.environ.get("AWS_ACCESS_KEY_ID")

    def predict(self, payload):
        return payload
"""


def found(folder: Path, code: str, entry: str, requirements: str = "torch", dotenv: str | None = None) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "predictor.py").write_text(PREDICTOR)
    (folder / "requirements.txt").write_text(requirements)
    if dotenv is not None:
        (folder / ".env").write_text(dotenv)
    file = folder / "cortex.yaml"
    file.write_text(f"- name: iris\n  predictor:\n    type: python\n    path: predictor.py\n{entry}")
    return [problem.message for problem in check(file).problems if problem.code == code]


@pytest.mark.parametrize("entry", ["", "  compute: {cpu: 0.5}\n", "  deploy: {target: ecs}\n"])
def test_an_api_without_mem_gets_little(tmp_path: Path, entry: str) -> None:
    """Cortex set no limit, placement gives the least; with torch that is too little, and both numbers are said."""
    [message] = found(tmp_path, "deploy.little_memory", entry)
    assert "torch needs more" in message
    assert ("deploy.memory" in message) == ("ecs" not in entry)


@pytest.mark.parametrize(
    "entry", ["  compute: {mem: 600M}\n", "  deploy: {memory: 600}\n", "  compute: {cpu: 2}\n", "  compute: {gpu: 1}\n"]
)
def test_one_that_says_how_much_is_taken_at_its_word(tmp_path: Path, entry: str) -> None:
    """So is one whose other wishes bring enough."""
    assert found(tmp_path, "deploy.little_memory", entry) == []


def test_what_is_downloaded_must_fit_into_lambdas_tmp(tmp_path: Path) -> None:
    """Said of libraries that download models, until the project says how much it needs; other targets have more."""
    [message] = found(tmp_path, "deploy.little_storage", "", "transformers==4.*")
    assert message.startswith("transformers keeps what it downloads in /tmp, which has 512 MB")
    assert found(tmp_path, "deploy.little_storage", "", "torch") == []
    assert found(tmp_path, "deploy.little_storage", "  deploy: {ephemeral_storage: 2048}\n", "transformers") == []
    assert found(tmp_path, "deploy.little_storage", "  deploy: {target: ecs}\n", "transformers") == []


def test_keys_that_ecs_does_not_set(tmp_path: Path) -> None:
    """Cortex's examples go on unsigned where the variable is missing; Lambda sets it, and so may the project."""
    on_ecs, own = "  deploy: {target: ecs}\n", "    env: {AWS_ACCESS_KEY_ID: a}\n  deploy: {target: ecs}\n"
    [message] = found(tmp_path, "deploy.access_key", on_ecs)
    assert message.startswith("predictor.py:7 asks for AWS_ACCESS_KEY_ID, which Cortex set and ECS does not")
    assert found(tmp_path, "deploy.access_key", "") == []
    assert found(tmp_path, "deploy.access_key", own) == []
    assert found(tmp_path, "deploy.access_key", on_ecs, dotenv="AWS_ACCESS_KEY_ID=a\n") == []
