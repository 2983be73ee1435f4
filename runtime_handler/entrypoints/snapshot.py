"""Lambda SnapStart: one snapshot of the started function is restored many times, days later, side by side.

So nothing that is unique, open or credentialed may live through it: buffered metrics are written before, S3 clients,
which hold connections and temporary credentials, are closed before and opened after, and random numbers are seeded anew.
Request ids come from each invocation, and the model refresh finds itself due by the clock.
"""

import gc
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from runtime_handler.entrypoints.compose import Composed

SNAP_START = "snap-start"
SEEDS: Mapping[str, Callable[[Any], object]] = {
    "random": lambda module: module.seed(),
    "numpy.random": lambda module: module.seed(),
    "torch": lambda module: module.seed(),
}
"""How the global generator of each module gets another seed; one that was never imported has none to share."""


def register(composed: Composed) -> None:
    """Have both steps called by the runtime where it takes a snapshot; elsewhere nothing is registered."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != SNAP_START:
        return
    from snapshot_restore_py import register_after_restore, register_before_snapshot  # comes with the runtime client

    register_before_snapshot(before_snapshot, composed)
    register_after_restore(after_restore, composed)


def before_snapshot(composed: Composed) -> None:
    """Let go of what must not be copied."""
    composed.recorder.flush()
    if composed.places is not None:
        composed.places.close()
    gc.unfreeze()  # clients that hold one another are freed by the collector alone, which passes over what is frozen
    gc.collect()
    gc.freeze()


def after_restore(composed: Composed) -> None:
    """Open what this copy needs for itself."""
    if composed.places is not None:
        composed.places.reopen()
    for name, seed in SEEDS.items():
        if (module := sys.modules.get(name)) is not None:
            seed(module)
