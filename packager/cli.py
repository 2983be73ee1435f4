"""The `cxpack` command line: which commands there are, and the exit status of each.

Exit status 0 means done, 1 problems found, 2 wrong usage. Only the module of the command that is named is imported, and it
imports what it needs when it runs, so that `cxpack --help` costs nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from packager.console import DONE, PROBLEMS, NotWritten, discard_output, fail, show_any_text

COMMANDS = {
    "check": "read, validate and place every API; nothing is written",
    "synth": "write a build context per API and the manifest that `cdk deploy` reads",
    "local": "serve every API on this machine, as its container would",
    "predict": "POST a JSON file to an API and print the answer",
    "get": "list the project's APIs in AWS: status, version, URL",
    "logs": "print the log lines of a deployed API",
    "rollback": "put a deployed API back to a template that it had before",
    "prune": "delete versions of Lambda functions that nothing needs any more",
    "delete": "delete a deployed API's stack",
    "pin": 'let "latest" mean one version of a model, for every replica within one poll',
    "unpin": 'let "latest" mean the highest version of a model again',
    "init": "write a small working project to begin with",
    "schema": "print the JSON Schema of cortex.yaml, for editors",
}
"""Name -> what it does; `packager.commands.<name>` is its module."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    show_any_text()
    words = sys.argv[1:] if arguments is None else arguments
    parsed = make_parser(words[0] if words and words[0] in COMMANDS else None).parse_args(words)
    try:
        status: int = parsed.run(parsed)
    except BrokenPipeError:  # the reader of our output has seen enough
        discard_output()
        return DONE
    except NotWritten as error:
        with suppress(NotWritten, BrokenPipeError):
            fail(str(error))
        discard_output()
        return PROBLEMS
    except KeyboardInterrupt:
        return 130
    return status


def make_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of every command, or of one; what it parses has `run`, which takes it and gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="cxpack",
        description="Deploy Cortex projects on plain AWS: `cxpack synth && cdk deploy --all`.",
        epilog="FILE is cortex.yaml in the current folder unless given; its folder is the project.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items() if only is None else [(only, COMMANDS[only])]:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        module = import_module(f"packager.commands.{name}")
        module.configure(command)
        command.set_defaults(run=module.run)
    return parser
