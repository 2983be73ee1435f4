"""What a start may import: a Lambda environment and a server pay for every module before their first answer."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def test_a_lambda_start_makes_no_dataclass(tmp_path: Path) -> None:
    """One takes half a millisecond to make, and an ONNX function had thirty of them in its way to the first answer."""
    modules = "runtime_handler.entrypoints.aws_lambda, runtime_handler.models.manager, runtime_handler.predictors.onnx"
    code = "import dataclasses, sys; made = []; whole = dataclasses.dataclass\n"
    code += "dataclasses.dataclass = lambda *a, **k: made.append(sys._getframe(1).f_globals['__name__']) or whole(*a, **k)\n"
    code += f"import {modules}; print(*[name for name in made if name.startswith('runtime_handler')])"
    context = write_context(tmp_path, {"predictor.py": ECHO})
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=context, env=clean_environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == []


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
