"""Why an API cannot start, said in the log: the user's traceback when it was their code, and one sentence."""

import logging

from runtime_handler.errors import StartError, UserCodeError
from runtime_handler.importing import user_traceback

log = logging.getLogger("cxpack")


def report(error: StartError) -> None:
    """Log a start that failed."""
    if isinstance(error, UserCodeError):
        log.error("%s", error, extra={"traceback": user_traceback(error.error)})
    else:
        log.error("%s", error)
