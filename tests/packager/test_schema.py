"""The JSON Schema and the reader, made from the same tables, agree about what a file may hold."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packager.containers import Either, ListOf
from packager.document import read_document
from packager.fields import Reader, Section
from packager.grammar import SECTIONS, walk
from packager.reading import read_text
from packager.schema import schema

VALIDATOR = jsonschema.Draft202012Validator(schema())

TEXTS = """|x|X|a-b|a_b|-a|/|a//b|./|/abs|~/x|s3://b/p|python|onnx|public|classification|200m|1Gi|64Mi|129e6|4GB|60s|1h30m|5 m|
25%|101%|half|3.12|canary|jwt|g5.xlarge|ssm:/a|_cortex_default|CORTEX_A"""
OTHERS: list[Any] = [None, True, 0, 1, 2, -1, 7.5, 0.5, 70000, 3.12, 3.6, "a\n", " ", [], {}, ["x"], [1], {"A": "b"}, {"A": 1}]
VALUES = [*TEXTS.replace("\n", "").split("|"), *OTHERS, {"CORTEX_A": "b"}]
BEYOND_A_PATTERN = {
    "configreader.must_be_greater_than_or_equal_to",
    "configreader.must_be_less_than_or_equal_to",
    "configreader.must_be_greater_than",
    "configreader.is_not_multiple",
}
"""The size of a quantity or duration, which a regular expression cannot compare."""
NEEDED: dict[str, Any] = {
    "name": "iris",
    "type": "python",
    "path": "predictor.py",
    "max_batch_size": 2,
    "batch_interval": "1s",
    "model_type": "regression",
    "weight": 100,
    "rate": 1,
    "burst": 1,
    "actions": ["s3:GetObject"],
    "resources": ["*"],
    "strategy": "canary",
    "predictor": {"type": "python", "path": "predictor.py"},
    "apis": [{"name": "a", "weight": 100}],
}
"""A right value for every required key."""
LEAVES = [(kind, path) for kind in SECTIONS for path, _ in walk(SECTIONS[kind]) if path != "kind"]


def entry_with(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """An entry that is right but for `values`, by canonical path."""

    def fill(section: Section, at: str) -> dict[str, Any]:
        filled: dict[str, Any] = {"bogus": 1} if f"{at}bogus" in values else {}
        for each in section.fields:
            path = f"{at}{each.key}"
            inner = each.type.section if isinstance(each.type, Either) else each.type
            item = inner.item if isinstance(inner, ListOf) else inner
            below = f"{path}[]." if isinstance(inner, ListOf) else f"{path}."
            if path in values:
                filled[each.key] = values[path]
            elif isinstance(item, Section) and any(wanted.startswith(below) for wanted in values):
                filled[each.key] = [fill(item, below)] if isinstance(inner, ListOf) else fill(item, below)
            elif each.required:
                filled[each.key] = NEEDED[each.key]
        return filled

    return fill(SECTIONS[kind], "") | {"kind": kind}


def read(kind: str, entry: dict[str, Any]) -> set[str]:
    root = read_document(json.dumps([entry]).encode(), "cortex.yaml").root
    assert root is not None
    reader = Reader(file="cortex.yaml")
    SECTIONS[kind].read(root.value[0], "", reader)
    return {problem.code for problem in reader.problems}


@pytest.mark.parametrize("kind", SECTIONS)
def test_the_schema_is_a_schema(kind: str) -> None:
    """Of the draft that it names, with a description for every key."""
    VALIDATOR.check_schema(schema())
    assert all(key.get("description") for key in schema()["$defs"][kind]["properties"].values())


def agree(kind: str, values: dict[str, Any]) -> None:
    entry = entry_with(kind, values)
    codes = read(kind, entry)
    if VALIDATOR.is_valid([entry]):
        assert codes <= BEYOND_A_PATTERN, (entry, codes)
    else:
        assert codes, (entry, [error.message for error in VALIDATOR.iter_errors([entry])])


@pytest.mark.parametrize(("kind", "path"), LEAVES)
def test_schema_and_reader_agree_key_by_key(kind: str, path: str) -> None:
    """What one takes the other takes, for values right and wrong in every key."""
    for value in VALUES:
        agree(kind, {path: value})


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(LEAVES), st.sampled_from(VALUES), max_size=5), st.sampled_from(list(SECTIONS)))
def test_schema_and_reader_agree_about_several_keys_at_once(values: dict[tuple[str, str], Any], kind: str) -> None:
    """Sections within sections, lists and unknown keys too."""
    agree(kind, {path: value for (of, path), value in values.items() if of == kind})
    agree(kind, {f"{path.rpartition('.')[0]}.bogus".lstrip("."): 1 for of, path in values if of == kind})


def test_both_spellings_of_a_model_path_are_valid() -> None:
    """The owner's page writes `path`, Cortex 0.22 read `model_path`; one of them, not both."""

    def entry(**path: str) -> list[Any]:
        models = {"paths": [{"name": "a", **path}]}
        return [{"name": "iris", "predictor": {"type": "onnx", "path": "predictor.py", "models": models}}]

    assert VALIDATOR.is_valid(entry(path="s3://bucket/a/"))
    assert VALIDATOR.is_valid(entry(model_path="s3://bucket/a/"))
    assert not VALIDATOR.is_valid(entry(path="s3://bucket/a/", model_path="s3://bucket/a/"))


def test_an_entry_without_kind_is_a_realtime_api() -> None:
    """As in files before 0.19."""
    entry = {"name": "iris", "predictor": {"type": "python", "path": "predictor.py"}, "monitoring": {"model_type": "regression"}}
    assert VALIDATOR.is_valid([entry])
    assert not VALIDATOR.is_valid([{**entry, "kind": "BatchAPI"}])
    assert read_text(json.dumps([entry]).encode(), "cortex.yaml").problems == ()
