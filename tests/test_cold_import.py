"""What a start may import: a Lambda environment and a server pay for every module before their first answer."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime_handler.codec import LARGE_BODY
from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec, PredictorSpec, ServeSpec
from tests.benchmarks.exported import TINY, a_request, write_models
from tests.runtime_handler.emulator import http_api_event
from tests.runtime_handler.harness import ECHO, clean_environment, write_context

HEAVY = {
    "aiohttp",
    "anyio",
    "boto3",
    "botocore",
    "email.mime",
    "fastapi",
    "h11",
    "httpx",
    "multiprocessing",
    "numpy",
    "obstore",
    "onnxruntime",
    "packager",
    "pydantic",
    "requests",
    "runtime_handler.models.manager",
    "sklearn",
    "starlette",
    "tensorflow",
    "unittest",
    "xml",
    "yaml",
}
"""Libraries that a python predictor without models needs nothing of."""

STARTS = {
    "lambda": ("from runtime_handler.entrypoints.aws_lambda import handler", HEAVY | {"uvicorn", "uvloop", "httptools"}),
    # uvicorn itself imports anyio and multiprocessing.
    "server": ("import runtime_handler.entrypoints.server", HEAVY - {"anyio", "multiprocessing"} | {"mangum", "awslambdaric"}),
    "contract": ("import runtime_handler.contract, runtime_handler.errors, runtime_handler.models.layout", HEAVY | {"asyncio"}),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_start_imports_only_what_it_needs(start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No heavy library is loaded before somebody needs it; the time is printed, the set of modules decides."""
    statement, forbidden = STARTS[start]
    context = write_context(tmp_path, {"predictor.py": ECHO})
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=context, env=clean_environment(), capture_output=True, text=True, timeout=60, check=True
    )
    took = time.perf_counter() - began
    loaded = set(ended.stdout.split())
    with capsys.disabled():
        print(f" {start}: {len(loaded)} modules in {took * 1000:.0f} ms")
    assert loaded & forbidden == set()


ONNX = """
class ONNXPredictor:
    def __init__(self, onnx_client, config):
        self.client = onnx_client

    def predict(self, payload):
        return self.client.predict(payload["values"])[0].tolist()
"""


NOT_AT_FIRST = {
    "binascii",
    "hashlib",
    "orjson",
    "runtime_handler.dotenv",
    "runtime_handler.heads",
    "runtime_handler.metrics.monitor",
    "runtime_handler.predictors.provenance",
    "runtime_handler.sagemaker",
    "runtime_handler.secrets",
    "runtime_handler.status",
    "shutil",
    "uuid",
}
"""What the first answer of an ONNX function does without, when its payload is small and its model packed."""


def test_a_lambda_functions_first_answer_makes_no_dataclass(tmp_path: Path) -> None:
    """One takes half a millisecond to make, and an ONNX function had thirty of them in its way; nor is much imported."""
    models = ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models/model"),))
    spec = ServeSpec(name="iris", endpoint="/iris", predictor=PredictorSpec(type="onnx", path="predictor.py", models=models))
    context = write_context(tmp_path, {"predictor.py": ONNX}, spec)
    write_models(context / "models", TINY, ["model"])
    event = http_api_event("POST", "/iris", "", {"content-type": "application/json"}, a_request(TINY).encode())
    code = f"""
import dataclasses, sys, types
made, whole = [], dataclasses.dataclass
def dataclass(*arguments, **options):
    made.append(sys._getframe(1).f_globals["__name__"])
    return whole(*arguments, **options)
dataclasses.dataclass = dataclass
from runtime_handler.entrypoints.aws_lambda import handler
answer = handler({event!r}, types.SimpleNamespace(aws_request_id="1"))
print(answer["statusCode"], *(name for name in made if name.startswith("runtime_handler")), file=sys.stderr)
print(*sorted({NOT_AT_FIRST!r} & sys.modules.keys()), file=sys.stderr)
large = {{**{event!r}, "body": {event["body"]!r} + " " * {LARGE_BODY}}}
answer = handler(large, types.SimpleNamespace(aws_request_id="2"))
print(answer["statusCode"], "orjson" in sys.modules, file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=context, env=clean_environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr.splitlines()[-3:] == ["200", "", "200 True"]  # log lines before it


def test_numpy_brings_a_small_function_no_threads(tmp_path: Path) -> None:
    """Those of OpenBLAS would spin during the start, and a function of less than a vCPU has no time for that."""
    context = write_context(tmp_path, {"predictor.py": f"import numpy\n{ECHO}"})
    code = "import os; from runtime_handler.entrypoints.aws_lambda import handler; print(len(os.listdir('/proc/self/task')))"

    def threads(memory_mb: int) -> int:
        environment = clean_environment(AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory_mb))
        command = [sys.executable, "-c", code]
        return int(subprocess.run(command, cwd=context, env=environment, stdout=subprocess.PIPE, timeout=60, check=True).stdout)

    assert threads(512) == 1
    assert threads(10_240) == min(6, len(os.sched_getaffinity(0)))


def test_the_runtime_stands_alone(tmp_path: Path) -> None:
    """Copied into an otherwise empty folder, every module of it can be imported without the packager's folder."""
    context = write_context(tmp_path, {"predictor.py": ECHO})
    code = (
        "import pkgutil, runtime_handler, importlib, sys\n"
        "for module in pkgutil.walk_packages(runtime_handler.__path__, 'runtime_handler.'):\n"
        "    module.name.endswith('__main__') or importlib.import_module(module.name)\n"
        "assert runtime_handler.__file__.startswith(sys.argv[1]), runtime_handler.__file__\n"
        "print('packager' in sys.modules, 'cdk_app' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(context)],
        cwd=context,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.stdout.split(), ended.stderr) == (["False", "False"], "")
