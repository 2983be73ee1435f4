"""A cortex.yaml and the project around it, read: the APIs that can be used, and all problems at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packager.dialect import normalise
from packager.document import MAX_BYTES, Node, read_document
from packager.fields import Reader
from packager.file_rules import FILE_RULES
from packager.grammar import SECTIONS, homes
from packager.problem import Problem, any_error, in_order
from packager.rules import RULES, Fault
from packager.spec import ApiSpec, build


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file says: the APIs without an error of their own, in its order, and every problem, by line."""

    apis: tuple[ApiSpec, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_project(file: Path) -> Reading:
    """Read `file` and check it against the project in its folder.

    Never raises for anything that a user's file can be or hold: what cannot be read is a problem too.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return Reading(problems=(_unreadable(file, error),))
    return read_text(data, str(file))


def read_text(data: bytes, file: str) -> Reading:
    """Read the bytes of a cortex.yaml alone; `file` is its name in messages. Nothing else is looked at."""
    document = read_document(data, file)
    problems = list(document.problems)
    if document.root is None or document.root.value in (None, []):
        if not any_error(problems):
            message = "holds no APIs; write a list with one entry per API"
            problems.append(Problem(severity="error", code="spec.no_apis", file=file, line=None, path="", message=message))
        return Reading(problems=in_order(problems))
    drafts = list(_drafts(document.root, file, problems))
    by_file_rule = [(api, fault) for rule in FILE_RULES for api, fault in rule([draft.api for draft in drafts])]
    apis = []
    for draft in drafts:
        faults = [fault for rule in RULES for fault in rule(draft.api)]
        faults += [fault for api, fault in by_file_rule if api is draft.api]
        found = draft.reader.problems + list(_kept(faults, draft))
        problems += found
        if not draft.reader.bad and not any_error(found):
            apis.append(draft.api)
    return Reading(apis=tuple(apis), problems=in_order(problems))


@dataclass(frozen=True, slots=True)
class _Draft:
    """An API as far as it could be read, with what is wrong with it."""

    api: ApiSpec
    reader: Reader


def _drafts(root: Node, file: str, problems: list[Problem]) -> Iterator[_Draft]:
    """The entries of the file; those that are not maps, or of an age that cannot be read, only add to `problems`."""
    entries: Sequence[Node] = root.value if isinstance(root.value, list) else []
    if not isinstance(root.value, list):
        message = 'must be a list with one entry per API; begin each entry with "- "'
        problems.append(Problem(severity="error", code="spec.malformed_config", file=file, line=1, path="", message=message))
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


def _kept(faults: list[Fault], draft: _Draft) -> Iterator[Problem]:
    """The problems of those faults that do not follow from a value reported already."""
    for fault in faults:
        if not any(_distrusted(path, draft.reader.bad) for path in (fault.at, *fault.needs)):
            yield draft.api.problem(fault.at, fault.code, fault.message, severity=fault.severity)


def _distrusted(path: str, bad: set[str]) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in bad)


def _unreadable(file: Path, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        code, message = "cli.cortex_yaml_not_found", "no such file; run this in the folder of a cortex.yaml, or name the file"
    elif isinstance(error, IsADirectoryError):
        code, message = "cli.cortex_yaml_not_found", "is a folder; name the cortex.yaml in it"
    else:
        code, message = "cxpack.unreadable_file", f"cannot be read: {error.strerror or error}"
    return Problem(severity="error", code=code, file=str(file), line=None, path="", message=message)
