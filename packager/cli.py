"""The `cxpack` command line: arguments in, sentences and an exit status out; the only place that prints or exits.

Results go to standard output, progress and problems to standard error. Exit status 0 means done, 1 problems found,
2 wrong usage. Every command imports what it needs when it runs, so that `cxpack --help` costs nothing.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packager.check import Check, CheckedApi

DONE, PROBLEMS, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return DONE
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cxpack",
        description="Deploy Cortex projects on plain AWS: `cxpack synth && cdk deploy --all`.",
        epilog="FILE is cortex.yaml in the current folder unless given; its folder is the project.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(run=run)
        return added

    check = command("check", _check, "read, validate and place every API; nothing is written")
    _add_file(check)
    _add_format(check)

    synth = command("synth", _synth, "write a build context per API and the manifest that `cdk deploy` reads")
    _add_file(synth)
    synth.add_argument("-o", "--output", metavar="DIR", type=Path, help="the folder to write (cxpack.out beside FILE)")
    _add_format(synth)

    local = command("local", _local, "serve every API on this machine, as its container would")
    _add_file(local)
    local.add_argument("--api", metavar="NAME", action="append", default=[], help="serve this API only (may be repeated)")
    local.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    local.add_argument("--port", type=int, default=8888, help="the port to listen on (%(default)s)")

    predict = command("predict", _predict, "POST a JSON file to an API and print the answer")
    predict.add_argument("api", metavar="URL|API", help="an address, or the name of a deployed API")
    predict.add_argument("body", metavar="FILE|-", help="the JSON file to send; - reads standard input")
    predict.add_argument("--file", metavar="FILE", type=Path, default=Path("cortex.yaml"), help="the project's cortex.yaml")
    predict.add_argument("--local", action="store_true", help="ask the running `cxpack local` instead of AWS")
    predict.add_argument("--port", type=int, default=8888, help="the port of `cxpack local` (%(default)s)")
    predict.add_argument("--env", default="dev", help="the environment that was deployed (%(default)s)")
    return parser


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, default=Path("cortex.yaml"), help="the cortex.yaml to read")


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print the result (%(default)s)")


def _check(arguments: argparse.Namespace) -> int:
    from packager.check import check

    checked = check(arguments.file)
    if arguments.format == "json":
        _print_json(checked.as_json())
    else:
        _print_problems(checked)
        for line in _table(checked):
            print(line)
    return DONE if checked.ok else PROBLEMS


def _synth(arguments: argparse.Namespace) -> int:
    from packager.check import check
    from packager.output import NotOurs
    from packager.synth import OUTPUT, synth

    checked = check(arguments.file)
    if not checked.ok:
        return _refuse(checked, arguments.format, "nothing was written")
    if not checked.deployable:
        return _refuse(checked, arguments.format, f"{arguments.file} has no API that can be deployed; nothing was written")
    try:
        written = synth(checked, arguments.output or arguments.file.parent / OUTPUT)
    except (NotOurs, OSError) as error:
        return _fail(f"{error}; nothing was changed")
    if arguments.format == "json":
        states = {name: "creating" if changed else "unchanged" for name, changed in written.changed.items()}
        body = checked.as_json()
        for api in body["apis"]:
            api["state"] = states.get(api["name"])
        _print_json({**body, "output": str(written.out)})
        return DONE
    _print_problems(checked)
    for name, changed in written.changed.items():
        print(f"{'creating' if changed else 'unchanged'} {name}")
    if written.cdk_json_written:
        _say(f"wrote {arguments.file.parent / 'cdk.json'}")
    print(_next_command(arguments.file.parent, arguments.output))
    return DONE


def _next_command(project: Path, output: Path | None) -> str:
    from shlex import quote

    command = "cdk deploy --all"
    if output is not None:
        command += f" -c cxpack:manifest={quote(str((output / 'manifest.json').resolve()))}"
    return f"next: {command}" if project.resolve() == Path.cwd() else f"next: cd {quote(str(project))} && {command}"


def _local(arguments: argparse.Namespace) -> int:
    from packager.check import check

    checked = check(arguments.file)
    if not checked.ok:
        return _refuse(checked, "text", "nothing was started")
    _print_problems(checked)
    names = [api.spec.name for api in checked.apis if api.context is not None]
    unknown = [name for name in arguments.api if name not in names]
    if unknown or not names:
        what = f"{arguments.file} has no RealtimeAPI {', '.join(unknown)}" if unknown else f"{arguments.file} has no RealtimeAPI"
        return _fail(f"{what}; it has: {', '.join(names) or 'none'}")
    from packager.local.command import MissingExtra, serve_locally
    from packager.local.session import PortTaken

    try:
        return serve_locally(checked, arguments.api, arguments.host, arguments.port, _print_ready, _say)
    except (PortTaken, MissingExtra) as error:
        return _fail(str(error))


def _predict(arguments: argparse.Namespace) -> int:
    from packager.predict import NoAnswer, NoSuchApi, is_url, predict, read_body, stack_url
    from packager.synth import project_name

    try:
        body = read_body(arguments.body, sys.stdin.buffer.read() if arguments.body == "-" else None)
        if is_url(arguments.api):
            url = arguments.api
        elif arguments.local:
            url = f"http://127.0.0.1:{arguments.port}{_local_endpoint(arguments)}"
        else:
            url = stack_url(project_name(arguments.file.parent), arguments.env, arguments.api)
        answer = predict(url, body)
    except (ValueError, NoSuchApi, NoAnswer) as error:
        return _fail(str(error))
    if answer.status == 200:
        print(answer.text)
        return DONE
    return _fail(f"{url} answered {answer.status}: {answer.text}")


def _local_endpoint(arguments: argparse.Namespace) -> str:
    from packager.predict import NoSuchApi
    from packager.reading import read_project

    apis = {api.name: api.serve.endpoint for api in read_project(arguments.file).apis if api.serve is not None}
    if arguments.api not in apis:
        raise NoSuchApi(f"{arguments.file} has no API {arguments.api}; it has: {', '.join(apis) or 'none'}")
    return apis[arguments.api]


def _table(checked: "Check") -> list[str]:
    rows = [(api.spec.name, *_decision(api)) for api in checked.apis if api.placement or api.spec.kind != "RealtimeAPI"]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows]


def _decision(api: "CheckedApi") -> tuple[str, str, str]:
    if api.placement:
        return api.placement.target, str(api.placement.size), api.placement.reason
    if api.spec.kind == "TrafficSplitter":
        return "-", "-", "routes requests: " + ", ".join(f"{split.weight} % to {split.name}" for split in api.spec.splits)
    return "-", "-", f"kind {api.spec.kind} is checked, not deployed"


def _refuse(checked: "Check", format_: str, outcome: str) -> int:
    if format_ == "json":
        _print_json({**checked.as_json(), "ok": False})
    else:
        _print_problems(checked)
        errors = sum(problem.severity == "error" for problem in checked.problems)
        _say(f"{errors} problem{'' if errors == 1 else 's'} in {checked.file}; {outcome}" if errors else outcome)
    return PROBLEMS


def _print_problems(checked: "Check") -> None:
    for problem in checked.problems:
        _say(str(problem) if problem.severity == "error" else f"{problem.severity}: {problem}")


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def _print_ready(url: str) -> None:
    print(f"ready {url}", flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(message: str) -> int:
    _say(f"error: {message}")
    return PROBLEMS
