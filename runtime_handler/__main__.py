"""`python -m runtime_handler`: a Lambda function where the platform says so, an HTTP server everywhere else."""

import gc
import os
import sys

from runtime_handler.entrypoints.settings import read_settings
from runtime_handler.errors import StartError


def main() -> int:
    """Serve until told to stop; the exit code of the process."""
    unknown = [argument for argument in sys.argv[1:] if argument != "serve"]  # what SageMaker passes
    if unknown:
        sys.stderr.write(f"runtime_handler: unknown argument {unknown[0]!r}; it takes none, or `serve`\n")
        return 2
    # `python -m` puts this folder first; the user's code should not find `models` or `project` there before its own.
    sys.path.append(sys.path.pop(0))
    try:
        if os.environ.get("AWS_LAMBDA_RUNTIME_API"):
            gc.disable()  # until the function has started: there is no garbage among what is imported
            from runtime_handler.entrypoints.aws_lambda import run as run_lambda

            return run_lambda()
        _end_when_told()
        from runtime_handler.entrypoints.leaving import leave
        from runtime_handler.entrypoints.server import run

        leave(run(read_settings(terminal=sys.stderr.isatty())))
    except StartError as error:
        sys.stderr.write(f"runtime_handler: {error}\n")
        return 1


def _end_when_told() -> None:
    """Until there is something to end in order: a container's first process is told nothing that it does not ask for."""
    import signal  # here, for a Lambda function does without

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))


if __name__ == "__main__":
    sys.exit(main())
