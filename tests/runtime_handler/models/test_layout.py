"""Which object paths make which versions, for every predictor type; the rows are Cortex's behaviour, but where noted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.models.layout import NEURON, ONNX, PYTHON, TENSORFLOW, Layout, read_model, read_models, unusable

SAVED = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
INDEX = SAVED[:2]


def below(folder: str, paths: Sequence[str]) -> list[str]:
    return [f"{folder}/{path}" for path in paths]


def good(paths: Sequence[str], layout: Layout) -> list[int]:
    return [version for version, found in read_model(paths, layout).versions.items() if found.problem is None]


@pytest.mark.parametrize(
    ("layout", "paths", "versioned", "versions"),
    [
        (PYTHON, ["model.pkl"], False, [1]),
        (PYTHON, ["1/model.pkl", "2/model.pkl"], True, [1, 2]),
        (PYTHON, ["1/a/b/c.bin"], True, [1]),
        (PYTHON, ["1/model.pkl", "readme.txt"], False, [1]),
        (PYTHON, ["1/model.pkl", "v2/model.pkl"], False, [1]),
        (PYTHON, ["1"], False, [1]),
        (PYTHON, ["+5/m"], False, [1]),
        (PYTHON, ["1.0/m"], False, [1]),
        (PYTHON, ["-1/m", "3/m"], True, [-1, 3]),  # Cortex: unversioned; its page says "any integer"
        (PYTHON, ["0/m", f"{10**29}/m"], True, [0, 10**29]),
        (PYTHON, ["01/m", "1/m"], True, [1]),  # Cortex: two versions
        (PYTHON, ["²/m"], False, [1]),  # Cortex: a version, and a crash
        (PYTHON, ["\uff11/m"], False, [1]),  # Cortex: a version
        (PYTHON, [], False, []),
        (PYTHON, ["1/", "1/model.pkl"], True, [1]),
        (PYTHON, [".cxpack/pins.json", "1/model.pkl"], True, [1]),
        (TENSORFLOW, SAVED, False, [1]),
        (TENSORFLOW, [*SAVED, "assets/vocab.txt", "keras_metadata.pb"], False, [1]),
        (TENSORFLOW, INDEX, False, []),  # Cortex: valid, and fails when asked
        (TENSORFLOW, [*INDEX, "variables/variables.data-00001-of-00003"], False, []),  # Cortex: valid
        (TENSORFLOW, ["saved_model.pb"], False, []),
        (TENSORFLOW, ["saved_model.pbtxt", *SAVED[1:]], False, []),
        (TENSORFLOW, below("1", SAVED), True, [1]),
        (TENSORFLOW, [*below("1", SAVED), "2/saved_model.pb"], True, [1]),  # Cortex: none
        (TENSORFLOW, [*below("1", SAVED), "notes.txt"], True, [1]),  # Cortex: none
        (TENSORFLOW, below("export/1", SAVED), False, []),
        (NEURON, ["saved_model.pb"], False, [1]),
        (NEURON, ["1/saved_model.pb", "1/extra"], True, [1]),
        (NEURON, ["1/saved_model.pb", "2/other.pb"], True, [1]),  # Cortex: none
        (ONNX, ["model.onnx"], False, [1]),
        (ONNX, [".onnx"], False, [1]),
        (ONNX, ["1/a.onnx", "2/b.onnx"], True, [1, 2]),
        (ONNX, ["a.onnx", "b.onnx"], False, []),
        (ONNX, ["model.onnx", "readme.txt"], False, []),
        (ONNX, ["model.ONNX"], False, []),
        (ONNX, ["sub/a.onnx"], False, []),
        (ONNX, ["1/sub/a.onnx"], True, []),
        (ONNX, ["1/a.onnx", "1/b.onnx"], True, []),
        (ONNX, ["1/a.onnx", "x.onnx"], True, [1]),  # Cortex: none
    ],
)
def test_versions_of_a_model(layout: Layout, paths: Sequence[str], versioned: bool, versions: list[int]) -> None:
    """Every row of the table of layouts."""
    assert (read_model(paths, layout).versioned, good(paths, layout)) == (versioned, versions)


def test_files_that_belong_to_no_version_are_told() -> None:
    """Stray files and doubled versions are named, beside the versions that they do not disturb."""
    found = read_model([*below("1", SAVED), "notes.txt", *below("01", SAVED)], TENSORFLOW)
    assert found.stray == ("notes.txt", *below("01", sorted(SAVED)))


@pytest.mark.parametrize(
    ("layout", "paths", "problem"),
    [
        (TENSORFLOW, INDEX, "variables/variables.data-00000-of-00001 is missing"),
        (TENSORFLOW, [*SAVED, "variables/variables.data-00000-of-00002"], "variables/variables.data-00001-of-00002 is missing"),
        (ONNX, ["a.onnx", "b.onnx"], "there must be one *.onnx file and nothing else, and there is also b.onnx"),
        (PYTHON, ["a", "a/b"], "a is both a file and a folder"),
        (PYTHON, ["Vocab.txt", "vocab.txt"], "Vocab.txt and vocab.txt differ in case alone"),
        (PYTHON, ["../etc/passwd"], "the name '../etc/passwd' holds an empty, `.` or `..` folder"),
        (PYTHON, ["a//b"], "the name 'a//b' holds an empty, `.` or `..` folder"),
        (PYTHON, ["a\\b"], r"the name 'a\\b' holds a backslash, a control character or bytes that are no UTF-8"),
        (PYTHON, ["\x9b2J"], r"the name '\x9b2J' holds a backslash, a control character or bytes that are no UTF-8"),
        (PYTHON, ["\udcff"], r"the name '\udcff' holds a backslash, a control character or bytes that are no UTF-8"),
        (PYTHON, ["é/" * 60 + "x" * 845], "the name 'é/é/é/é/é/é/é/é/é/é/é/é/é/é/é/é/é/é/é/é/'... is longer than 1024 bytes"),
        (PYTHON, ["d/" * 101 + "x"], "the name 'd/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/'... is in more than 100 folders"),
    ],
)
def test_problems_are_sentences(layout: Layout, paths: Sequence[str], problem: str) -> None:
    """What is missing, too much or impossible is named by file."""
    assert read_model(paths, layout).versions[1].problem == problem


def test_a_directory_of_models() -> None:
    """Each first folder is a model, read on its own; files beside the folders are stray."""
    models, stray = read_models(
        ["good/model.onnx", "bad/model.txt", "v/1/a.onnx", "v/2/a.onnx", "model.onnx", ".cxpack/pins.json"], ONNX
    )
    whole = {name: [v for v, f in model.versions.items() if f.problem is None] for name, model in models.items()}
    assert whole == {"bad": [], "good": [1], "v": [1, 2]}
    assert stray == ("model.onnx",)


def test_the_expected_tree_shows_both_forms() -> None:
    """Error messages show what would have been right."""
    assert ONNX.tree("s3://b/m") == (
        "s3://b/m/\n    *.onnx  (exactly one file)\nor\ns3://b/m/\n    1523423423/  (version number)\n"
        "        *.onnx  (exactly one file)"
    )


NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from("/.\\\0 -019\x85\udcff"), max_size=12)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12)


@given(PATHS, st.sampled_from([PYTHON, ONNX, TENSORFLOW, NEURON]))
def test_hostile_names_stay_inside(paths: list[str], layout: Layout) -> None:
    """Whatever keys a bucket holds, a version that may be loaded lies inside its folder, and no path is counted twice."""
    found = read_model(paths, layout)
    for version in found.versions.values():
        if version.problem is None:
            assert all(unusable(path) is None and not path.startswith("/") for path in version.paths)
    seen = [version.folder + path for version in found.versions.values() for path in version.paths]
    assert len(seen) == len(set(seen))
    assert set(seen) | set(found.stray) <= set(paths)
