"""What the start of a function does not import."""

import json
import subprocess
import sys
from pathlib import Path

from runtime_handler.contract import ModelsSpec
from tests.runtime_handler.emulator import http_api_event
from tests.runtime_handler.harness import ECHO, a_spec, clean_environment, write_context

SCRIPT = """
import json, sys
from types import SimpleNamespace
sys.path.insert(0, ".")
from runtime_handler.entrypoints.aws_lambda import handler
answer = handler(json.loads(sys.argv[1]), SimpleNamespace(aws_request_id="id"))
print(json.dumps([answer["statusCode"], sorted(sys.modules)]))
"""


def test_a_first_answer_without_a_loop_or_a_framework(tmp_path: Path) -> None:
    """An HTTP API's first JSON request is answered before asyncio, Mangum, Starlette, boto3 or TLS are imported."""
    event = json.dumps(http_api_event("POST", "/iris", "", {"content-type": "application/json"}, b"7"))
    context = write_context(tmp_path, {"predictor.py": ECHO})
    output = subprocess.run(
        [sys.executable, "-c", SCRIPT, event], cwd=context, env=clean_environment(), capture_output=True, text=True, check=True
    ).stdout
    status, modules = json.loads(output.splitlines()[-1])
    assert status == 200
    assert not {"asyncio", "mangum", "starlette", "fastapi", "pydantic", "uvicorn", "boto3", "ssl"} & set(modules)


ONNX = """
class ONNXPredictor:
    def __init__(self, config, onnx_client): ...

    def predict(self, payload):
        return payload
"""


def test_a_cache_imports_its_framework_with_its_first_load(tmp_path: Path) -> None:
    """A function that has loaded no model yet has not waited for onnxruntime either."""
    event = json.dumps(http_api_event("POST", "/iris", "", {"content-type": "application/json"}, b"7"))
    models = ModelsSpec(dir="models", cache_size=2, disk_cache_size=2)
    context = write_context(tmp_path / "context", {"predictor.py": ONNX}, a_spec(type="onnx", models=models))
    (context / "models").mkdir()
    environment = clean_environment(CXPACK_MODEL_STORE=str(tmp_path / "store"))
    output = subprocess.run(
        [sys.executable, "-c", SCRIPT, event], cwd=context, env=environment, capture_output=True, text=True, check=True
    ).stdout
    status, modules = json.loads(output.splitlines()[-1])
    assert status == 200
    assert not {"onnxruntime", "numpy"} & set(modules)
