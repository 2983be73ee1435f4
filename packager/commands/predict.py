"""`cxpack predict`: one request to an API, deployed or local."""

import sys
from argparse import ArgumentParser, Namespace

from packager.commands.arguments import add_port, add_project
from packager.console import DONE, fail, result


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="URL|API", help="an address, or the name of a deployed API")
    parser.add_argument("body", metavar="FILE|-", help="the JSON file to send; - reads standard input")
    add_project(parser)
    parser.add_argument("--local", action="store_true", help="ask the running `cxpack local` instead of AWS")
    add_port(parser, "the port of `cxpack local`")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.predict import NoAnswer, predict, read_body
    from packager.reading import NoSuchApi

    try:
        body = read_body(arguments.body, sys.stdin.buffer.read() if arguments.body == "-" else None)
        url = _url(arguments)
        answer = predict(url, body)
    except (ValueError, NoSuchApi, NoAnswer) as error:
        return fail(str(error))
    except AwsError as error:
        return fail(f"{error}; give the API's URL, or say --local")
    if answer.status >= 400:
        return fail(f"{url} answered {answer.status}: {answer.text}")
    result(answer.text)
    return DONE


def _url(arguments: Namespace) -> str:
    from packager.predict import is_url, stack_url
    from packager.reading import find_api
    from packager.synth import project_name

    if is_url(arguments.api):
        return str(arguments.api)
    if arguments.local:
        return f"http://127.0.0.1:{arguments.port}{find_api(arguments.file, arguments.api).networking.endpoint}"
    return stack_url(project_name(arguments.file.parent), arguments.env, arguments.api)
