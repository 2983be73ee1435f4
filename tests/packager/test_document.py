"""YAML read with lines, with the meaning that Cortex's parser gave it, and within limits."""

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from packager.document import MAX_BYTES, read_document
from packager.reading import read_text
from packager.tree import MAX_NODES


def plain(text: str) -> Any:
    document = read_document(text.encode(), "cortex.yaml")
    assert document.problems == ()
    assert document.root is not None
    return document.root.plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("129e6", 129e6),
        ("1_000", 1000),
        ("010", 8),
        ("0o10", 8),
        ("0x1F", 31),
        ("0b11", 3),
        ("-7", -7),
        ("2020-01-01", "2020-01-01"),
        ("12:30", "12:30"),
        ("1.2.3", "1.2.3"),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        (".inf", math.inf),
        ("1" * 40, float("1" * 40)),
        ("9" * 5000, "9" * 5000),
        ("_", "_"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_plain_scalars_mean_what_they_meant_to_cortex(text: str, value: Any) -> None:
    """yaml.v2's rules, where PyYAML's differ."""
    found = plain(f"- {text}")[0]
    assert found == value
    assert type(found) is type(value)


def test_every_node_knows_its_line_and_path() -> None:
    """A value in a map stands in its key's line."""
    root = read_document(b"- name: a\n  predictor:\n    config:\n\n      x:\n        - 1\n", "cortex.yaml").root
    assert root is not None
    config = root.value[0].value["predictor"].value["config"]
    assert (config.line, config.path) == (3, "apis[0].predictor.config")
    item = config.value["x"].value[0]
    assert (item.line, item.path) == (6, "apis[0].predictor.config.x[0]")


def test_aliases_and_merges_are_written_out_under_their_own_paths() -> None:
    """A key that is given wins over a merged one, and what was merged keeps the line where it can be corrected."""
    text = b"- &a\n  x: {y: 1}\n  z: 2\n- <<: *a\n  z: 3\n- <<: [*a, {w: 4}]\n- *a\n"
    root = read_document(text, "cortex.yaml").root
    assert root is not None
    assert root.plain() == [
        {"x": {"y": 1}, "z": 2},
        {"x": {"y": 1}, "z": 3},
        {"x": {"y": 1}, "z": 2, "w": 4},
        {"x": {"y": 1}, "z": 2},
    ]
    merged = root.value[1].value["x"].value["y"]
    assert (merged.path, merged.line) == ("apis[1].x.y", 2)


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_BYTES,
        "{? " * (MAX_BYTES // 3),
        "- " * (MAX_BYTES // 2),
        "- a\n" * (MAX_BYTES // 4),
        "".join(f"%TAG !a{number}! x\n" for number in range(60_000)),
        "- " + "[[[[]]]],\n" * (MAX_BYTES // 10),
        "a: &a {x: 1}\n" + "b: [" + "*a," * 200_000 + "]",
        "- &a [" + "x," * 5_000 + "]\n" + "- *a\n" * 50_000,
        "- <<: [" + "{a: 1}," * 100_000 + "]",
    ],
    ids=["flow", "braces", "dashes", "items", "directives", "brackets", "aliases", "bomb", "merges"],
)
def test_a_megabyte_of_hostile_yaml_is_one_problem(text: str) -> None:
    """Reading stops at a limit; nothing grows with the square of the input, and the stack is not the limit."""
    problems = read_text(text.encode()[:MAX_BYTES], "cortex.yaml").problems
    assert [problem.severity for problem in problems] == ["error"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("-\tname: a\n", 1, "tab"),
        ('- name: "a\n  kind: b\n', 3, "quoted scalar that begins in line 1, found"),
        ("- a\n- {b: c\n- d: e\n", 3, "flow mapping that begins in line 2, "),
        ("- \u2028\n- {b: c\n- d: e\n", 3, "flow mapping that begins in line 2, "),
        ("- name: a\n  predictor:\n    type:python\n    path: p.py\n", 4, "a key ends in a colon and a space"),
        ("- name: a: b\n", 1, "needs quotes"),
    ],
)
def test_what_is_no_yaml_is_explained(text: str, line: int, words: str) -> None:
    """Where the parser gave up, and where what it could not end began, which may be pages before."""
    [problem] = read_document(text.encode(), "cortex.yaml").problems
    assert problem.line == line
    assert words in problem.message


def test_a_file_beyond_the_limits_is_refused_by_size() -> None:
    """It is not even parsed."""
    (problem,) = read_text(b"#" * (MAX_BYTES + 1), "cortex.yaml").problems
    assert "1,048,577 bytes" in problem.message


def test_thousands_of_mistakes_are_listed_up_to_a_limit() -> None:
    """The list ends with how many more there are; errors are not pushed out by notes."""
    text = "- name: a\n  predictor:\n    type: python\n    path: p\n    env:\n" + "".join(
        f"      k{n}: {n}\n" for n in range(MAX_NODES // 2)
    )
    problems = read_text(text.encode(), "cortex.yaml").problems
    assert len(problems) == 1001
    assert "14,000 more problems" in problems[0].message


WORDS = """- |name: |predictor: |models: |paths:|path: x|&a |*a|<<: *a|[|]|{|}|: |, |'|"|#|!!int |!x |? |null|1|%A|...|
compute:|cpu: 200m|apis:|weight: 50|deploy:|auth: jwt|- name: a\n  predictor: {type: python, path: p}\n"""
FRAGMENTS = st.sampled_from([*WORDS.split("|"), "\n", "\n  ", "\n    ", "\t", "|\n", "---\n", "\\", "\0", "é", "\u2028"])


@settings(max_examples=400)
@given(st.lists(FRAGMENTS, max_size=40).map("".join))
@example("- name: a\n  <<: 1\n")
@example("- ? - a\n  : b\n")
@example("- kind: [a]\n  predictor: {type: {}, path: [], models: [1, {model_path: {}, path: 1}]}\n  compute: [1]\n")
@example("- apis: [1, {shadow: 1}]\n")
def test_any_text_gives_problems_or_apis_never_a_traceback(text: str) -> None:
    """Whatever is typed, the answer is an ApiSpec or a sentence."""
    reading = read_text(text.encode(), "cortex.yaml")
    assert reading.apis or reading.problems
    assert all(problem.message and problem.code for problem in reading.problems)


@given(st.binary(max_size=200))
def test_any_bytes_give_problems_never_a_traceback(data: bytes) -> None:
    """Not even bytes that are no text."""
    reading = read_text(data, "cortex.yaml")
    assert reading.apis or reading.problems


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_lines_are_those_that_editors_show(end: str) -> None:
    """Characters that end a line to YAML alone do not shift what comes after them."""
    text = f"- name: a # one{end}\n  x: 1\r\n  y: 'p{end} q'{end}\n  z: 2\n"
    root = read_document(text.encode(), "cortex.yaml").root
    assert root is not None
    assert {key: node.line for key, node in root.value[0].value.items()} == {"name": 1, "x": 2, "y": 3, "z": 4}
    (problem,) = read_document(f"- a: 1{end}\n\n- b: [\n".encode(), "cortex.yaml").problems
    assert problem.line == 4
