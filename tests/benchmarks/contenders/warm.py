"""Microseconds of a warm invocation: `python warm.py ours|bare FOLDER EVENT`, run where the runtime would run it.

FOLDER is put on the path; every call gets an event of its own, as from the runtime client.
"""

import importlib
import json
import statistics
import sys
import time
from types import SimpleNamespace

CALLS = 3000
HANDLERS = {"ours": "runtime_handler.entrypoints.aws_lambda", "bare": "bare"}


def main(which: str, folder: str, event: str) -> None:
    sys.path.insert(0, folder)
    handler = importlib.import_module(HANDLERS[which]).handler
    context = SimpleNamespace(aws_request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd")
    times = []
    for _ in range(CALLS):
        given = json.loads(event)
        start = time.perf_counter_ns()
        answer = handler(given, context)
        times.append(time.perf_counter_ns() - start)
        assert answer["statusCode"] == 200, answer
    sys.stderr.write(f"microseconds {statistics.median(times) / 1000}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
