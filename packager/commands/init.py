"""`cxpack init`: a small working project to begin with."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from shlex import quote

from packager.console import DONE, fail, result, say
from packager.scaffold import TYPES, Occupied, scaffold


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", metavar="DIR", nargs="?", type=Path, default=Path(), help="the folder to write (this one)")
    parser.add_argument("--type", choices=TYPES, default="python", help="the predictor's type (%(default)s)")


def run(arguments: Namespace) -> int:
    """The exit status."""
    try:
        written = scaffold(arguments.folder, arguments.type)
    except (Occupied, OSError) as error:
        return fail(f"{error}; nothing was written" if isinstance(error, Occupied) else str(error))
    for path in written:
        say(f"wrote {path}")
    here = arguments.folder.resolve() == Path.cwd()
    result("next: " + ("" if here else f"cd {quote(str(arguments.folder))} && ") + "cxpack check && cxpack local")
    return DONE
