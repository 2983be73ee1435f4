"""`cxpack local`: the project's APIs, served on this machine."""

from argparse import ArgumentParser, Namespace

from packager.commands.arguments import add_file, add_port
from packager.console import fail, refuse, result, say, say_problems


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    add_file(parser)
    parser.add_argument("--api", metavar="NAME", action="append", default=[], help="serve this API only (may be repeated)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add_port(parser, "the port to listen on")
    parser.add_argument("--reload", action="store_true", help="start an API anew when its files change")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.check import check
    from packager.local.command import MissingExtra, serve_locally
    from packager.local.session import PortTaken

    checked = check(arguments.file)
    if not checked.ok:
        return refuse(checked, "nothing was started")
    say_problems(checked)
    names = [api.spec.name for api in checked.apis if api.context is not None]
    if unknown := [name for name in arguments.api if name not in names]:
        return fail(f"{arguments.file} has no RealtimeAPI {', '.join(unknown)}; it has: {', '.join(names) or 'none'}")
    if not names:
        return fail(f"{arguments.file} has no RealtimeAPI; there is nothing to serve")
    try:
        return serve_locally(
            checked,
            arguments.api,
            arguments.host,
            arguments.port,
            reload=arguments.reload,
            ready=lambda url: result(f"ready {url}"),
            say=say,
        )
    except (PortTaken, MissingExtra) as error:
        return fail(str(error))
