"""Where an API's models are, and what a wrong folder looks like to the person who has to correct it."""

from packager.model_paths import SHOWN, ModelLocation, faults, locations, tree
from packager.reading import read_text
from runtime_handler.models.layout import ONNX


def test_locations_carry_the_key_that_names_them() -> None:
    """So that a problem stands in the line of the path."""
    text = b"""\
- name: a
  predictor: {type: python, path: p.py, model_path: s3://bucket/one/}
- name: b
  predictor: {type: python, path: p.py, models: {paths: [{name: x, model_path: x/}, {name: y, path: y/}]}}
- name: c
  predictor: {type: python, path: p.py, models: {dir: s3://bucket/all/}}
- name: d
  predictor: {type: python, path: p.py, multi_model_reloading: {path: s3://bucket/two/}}
- name: e
  predictor: {type: python, path: p.py}
"""
    found = {api.name: list(locations(api)) for api in read_text(text, "cortex.yaml").apis}
    assert found == {
        "a": [ModelLocation("predictor.model_path", "s3://bucket/one/")],
        "b": [
            ModelLocation("predictor.models.paths[0].path", "x/"),
            ModelLocation("predictor.models.paths[1].path", "y/"),
        ],
        "c": [ModelLocation("predictor.models.dir", "s3://bucket/all/", is_dir=True)],
        "d": [ModelLocation("predictor.models.path", "s3://bucket/two/")],
        "e": [],
    }


def test_a_tree_is_cut() -> None:
    """A bucket may hold anything."""
    shown = tree("models", [f"{number:03}.txt" for number in range(SHOWN + 7)])
    assert shown.count("\n") == SHOWN + 1
    assert shown.endswith("    ... and 7 more")


def test_a_tree_opens_each_folder_once() -> None:
    """As `tree` prints it."""
    assert (
        tree("m/", ["a/b/1", "a/b/2", "a/c/3", "d"])
        == "m/\n    a/\n        b/\n            1\n            2\n        c/\n            3\n    d"
    )


def test_one_good_version_is_enough() -> None:
    """The others are warned of, as they would not be served."""
    location = ModelLocation("predictor.model_path", "models/iris")
    found = list(faults(location, ["1/a.onnx", "2/a.onnx", "2/b.txt"], ONNX))
    assert [(fault.severity, fault.code) for fault in found] == [("warning", "cxpack.broken_model_version")]
    assert [fault.severity for fault in faults(location, ["1/a.txt"], ONNX)] == ["error"]
