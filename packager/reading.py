"""A cortex.yaml and the project around it, read: the APIs that can be used, and all problems at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from packager.dialect import normalise
from packager.document import MAX_BYTES, read_document
from packager.entry import build
from packager.fault import Fault
from packager.fields import Reader
from packager.file_rules import FILE_RULES
from packager.grammar import SECTIONS, homes
from packager.problem import Problem, any_error, in_order
from packager.project_checks import look
from packager.project_folder import Project
from packager.rules import NOT_DEPLOYED, RULES
from packager.s3_models import ListKeys
from packager.spec import ApiSpec
from packager.tree import Node

MAX_APIS = 100
"""Entries in one file: the graphs of all must fit into the template of the shared stack (1 MB, CloudFormation quotas), and all
may be services, of which a load balancer has one target group each (100, which AWS raises for nobody: its quotas)."""


class Reading(NamedTuple):
    """What a file says: the APIs without an error of their own, in its order, and every problem, by line.

    `names` are those of all entries but BatchAPIs, whatever is wrong with them; None where the file cannot be read.
    """

    apis: tuple[ApiSpec, ...] = ()
    problems: tuple[Problem, ...] = ()
    names: frozenset[str] | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that forbid going on."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def read_project(file: Path, *, lock: bool = False, list_keys: ListKeys | None = None) -> Reading:
    """Read `file` and check it against the project in its folder.

    `lock`: versions of requirements are about to be resolved. `list_keys`: S3 may be asked about model paths.

    Never raises for anything that a user's file can be or hold: what cannot be read is a problem too.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return Reading(problems=(_unreadable(file, error),))
    project = Project(root=file.parent.absolute(), shown=file.parent, lock=lock, list_keys=list_keys)
    return _read(data, str(file), lambda api: look(api, project))


class NoSuchApi(Exception):
    """The file, or the account, has no API of that name; the message lists those that there are."""


def find_api(file: Path, name: str) -> ApiSpec:
    """The API of that name.

    Raises NoSuchApi when there is none without errors.
    """
    reading = read_project(file)
    apis = {api.name: api for api in reading.apis}
    if name not in apis:
        errors = reading.errors
        raise NoSuchApi(f"{file} has no API {name}; it has: {', '.join(apis)}" if apis or not errors else str(errors[0]))
    return apis[name]


def read_text(data: bytes, file: str) -> Reading:
    """Read the bytes of a cortex.yaml alone; `file` is its name in messages. Nothing else is looked at."""
    return _read(data, file, lambda _: ())


def _read(data: bytes, file: str, look_around: Callable[[ApiSpec], Iterable[Fault]]) -> Reading:
    document = read_document(data, file)
    problems = list(document.problems)
    if document.root is None or document.root.value in (None, []):
        if not any_error(problems):
            message = "holds no APIs; write a list with one entry per API"
            problems.append(Problem(severity="error", code="spec.no_apis", file=file, line=None, path="", message=message))
        return Reading(problems=in_order(problems), names=None if document.root is None else frozenset())
    drafts = list(_drafts(document.root, file, problems))
    between = [(api, fault) for rule in FILE_RULES for api, fault in rule([draft.api for draft in drafts])]
    apis = []
    for draft in drafts:
        faults = [fault for rule in RULES for fault in rule(draft.api)]
        faults += [fault for api, fault in between if api is draft.api]
        found = draft.reader.problems + list(_kept(faults, draft))
        found += _kept(look_around(draft.api), draft)
        problems += found
        if not draft.reader.bad and not any_error(found):
            apis.append(draft.api)
    return Reading(apis=tuple(apis), problems=in_order(problems), names=frozenset(_names(document.root)))


def _names(root: Node) -> Iterator[str]:
    for entry in root.value if isinstance(root.value, list) else ():
        if isinstance(entry.value, dict):
            name, kind = (node and node.value for node in map(entry.value.get, ("name", "kind")))
            if isinstance(name, str) and kind not in NOT_DEPLOYED:
                yield name


class _Draft(NamedTuple):
    """An API as far as it could be read, with what is wrong with it."""

    api: ApiSpec
    reader: Reader


def _drafts(root: Node, file: str, problems: list[Problem]) -> Iterator[_Draft]:
    """The entries of the file; those that are not maps, or of an age that cannot be read, only add to `problems`."""
    entries: Sequence[Node] = root.value if isinstance(root.value, list) else []
    if not isinstance(root.value, list):
        message = 'must be a list with one entry per API; begin each entry with "- "'
        problems.append(Problem(severity="error", code="spec.malformed_config", file=file, line=1, path="", message=message))
    if len(entries) > MAX_APIS:
        message = f"holds {len(entries):,} entries; {MAX_APIS} are the most in one project: move some to another folder"
        problems.append(Problem(severity="error", code="cxpack.too_large", file=file, line=1, path="", message=message))
        return
    known = homes()
    for entry in entries:
        reader = Reader(file=file, homes=known)
        if not isinstance(entry.value, dict):
            reader.report(entry, "spec.malformed_config", "must be a map with a name and a predictor")
            problems += reader.problems
            continue
        node = normalise(entry, reader)
        if node is None:
            problems += reader.problems
            continue
        kind = node.value.get("kind")
        section = SECTIONS.get(kind.value if kind is not None and isinstance(kind.value, str) else "RealtimeAPI")
        values = (section or SECTIONS["RealtimeAPI"]).read(node, "", reader)
        api = build(values, file=file, line=entry.line, path=entry.path, places=reader.places)
        yield _Draft(api, reader)


def _kept(faults: Iterable[Fault], draft: _Draft) -> Iterator[Problem]:
    """The problems of those faults that do not follow from a value reported already."""
    for fault in faults:
        if not any(_distrusted(path, draft.reader.bad) for path in (fault.at, *fault.needs)):
            problem = draft.api.problem(fault.at, fault.code, fault.message, severity=fault.severity)
            yield problem if fault.file is None else problem._replace(file=fault.file, line=fault.line, path="")


def _distrusted(path: str, bad: set[str]) -> bool:
    """Whether the path, or a section around it, is among those without a usable value."""
    while path:
        if path in bad:
            return True
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return False


def _unreadable(file: Path, error: OSError | ValueError) -> Problem:
    if isinstance(error, FileNotFoundError):
        code, message = "cli.cortex_yaml_not_found", "no such file; run this in the folder of a cortex.yaml, or name the file"
    elif isinstance(error, IsADirectoryError):
        code, message = "cli.cortex_yaml_not_found", "is a folder; name the cortex.yaml in it"
    else:
        code, message = "cxpack.unreadable_file", f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"
    return Problem(severity="error", code=code, file=str(file), line=None, path="", message=message)
