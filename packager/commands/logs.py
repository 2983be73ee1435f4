"""`cxpack logs`: the log lines of a deployed API."""

import time
from argparse import ArgumentParser, Namespace

from packager.commands.arguments import add_project
from packager.console import DONE, fail, result

POLL_SECONDS = 2


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", help="the API's name")
    add_project(parser)
    parser.add_argument("--since", metavar="MINUTES", type=float, default=10, help="how far back to begin (%(default)s)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new lines until Ctrl-C")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.logs import Tail, log_group
    from packager.deployed.session import AwsError
    from packager.deployed.stacks import stack_name
    from packager.synth import project_name

    stack = stack_name(project_name(arguments.file.parent), arguments.env, arguments.api)
    try:
        tail = Tail(log_group(stack), int((time.time() - arguments.since * 60) * 1000))
        while True:
            for line in tail.tick():
                result(line)
            if not arguments.follow:
                return DONE
            time.sleep(POLL_SECONDS)
    except AwsError as error:
        return fail(f"{stack}: {error}")
