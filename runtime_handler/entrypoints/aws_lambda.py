"""The Lambda function: a translation of events around the app, user code run directly: an environment serves one request at once.

`handler` is made when it is first asked for, so that importing this module costs and does nothing; the runtime asks
for it during the init phase, and an exception there becomes the function's init error.
"""

import gc
import math
import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

from runtime_handler.app import App, status_class
from runtime_handler.asgi import NeedsLoop
from runtime_handler.entrypoints import snapshot
from runtime_handler.entrypoints.compose import compose, read_spec
from runtime_handler.entrypoints.exchange import Adapter
from runtime_handler.entrypoints.invocation import fitting
from runtime_handler.entrypoints.report import report
from runtime_handler.entrypoints.settings import read_settings
from runtime_handler.errors import StartError
from runtime_handler.request import Answer, Request

Handler = Callable[[dict[str, Any], Any], Any]

MB_PER_VCPU = 1769
"""Of a function's memory (AWS's page "Configure Lambda function memory")."""
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""Variables that tell numpy's OpenBLAS how many threads to start; otherwise it starts one for each processor that it sees."""


def __getattr__(name: str) -> Any:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["handler"] = made = make_handler()
    return made


def run() -> int:
    """Serve invocations of the runtime API until the platform ends the process."""
    from awslambdaric import bootstrap  # not needed where the managed runtime is the caller
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    bootstrap.run(f"{__name__}.handler", LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))
    return 0


def limit_blas_threads(environ: MutableMapping[str, str], processors: int) -> None:
    """Have OpenBLAS start no more threads than the function has vCPUs, unless the project says how many.

    A function sees at least two processors, whatever its share of them. Threads beyond that share spin while numpy is being
    imported, and take more time from the start than all of our own imports.
    """
    memory_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory_mb.isdecimal() and not any(name in environ for name in BLAS_THREADS):
        environ[BLAS_THREADS[0]] = str(min(processors, max(1, math.ceil(int(memory_mb) / MB_PER_VCPU))))


def make_handler() -> Handler:
    """The function that Lambda calls with each event, with the API started. Raises StartError."""
    settings = read_settings()
    composed = compose(read_spec(settings), settings)
    service, recorder = composed.service, composed.recorder
    limit_blas_threads(os.environ, os.cpu_count() or 1)
    gc.disable()  # there is no garbage among what is imported and loaded, only much to walk through
    try:
        service.start()
    except StartError as error:
        report(error)
        raise
    gc.freeze()
    gc.enable()
    snapshot.register(composed)
    refresh = None
    if composed.manager is not None:
        from runtime_handler.models.refresh import RequestRefresh  # here, for an API without models does without

        refresh = RequestRefresh(composed.manager, settings.poll_s)

    async def predict(request: Request) -> Answer:
        if refresh is not None:
            refresh.before_request()
        answer = service.predict(request)
        if answer.response is not None:
            await NeedsLoop()
        return answer

    adapter = Adapter(App(service, predict, recorder))
    if "asyncio" in sys.modules:  # the user's code may look for a loop
        adapter.loop()

    def handler(event: dict[str, Any], context: Any) -> Any:
        try:
            answered = adapter(event, context)
            response = fitting(answered, event, context.aws_request_id)
            if response is not answered and recorder.withdraw("StatusCode", Code=status_class(answered["statusCode"])):
                recorder.record("StatusCode", 1, Code=status_class(response["statusCode"]))
            return response
        finally:
            recorder.flush()

    return handler
