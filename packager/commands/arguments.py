"""Arguments that several commands take, with the same meaning in each."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

CORTEX_YAML = Path("cortex.yaml")
LOCAL_PORT = 8888


def add_file(parser: ArgumentParser) -> None:
    """FILE, the cortex.yaml whose folder is the project."""
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, default=CORTEX_YAML, help="the cortex.yaml to read")


def add_project(parser: ArgumentParser) -> None:
    """--file and --env, of commands that speak of something deployed."""
    parser.add_argument("--file", metavar="FILE", type=Path, default=CORTEX_YAML, help="the project's cortex.yaml")
    parser.add_argument("--env", default="dev", help="the environment, cxpack:env of the deployment (%(default)s)")


def add_format(parser: ArgumentParser) -> None:
    """--format of the result."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print the result (%(default)s)")


def add_port(parser: ArgumentParser, text: str) -> None:
    """--port of `cxpack local`."""
    parser.add_argument("--port", type=_port, default=LOCAL_PORT, help=f"{text} (%(default)s)")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ArgumentTypeError(f"{text} is no port: a number from 0 to 65535")
    return int(text)
