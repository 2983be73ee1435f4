"""Pins of 2019 are found before an image build does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.requirement_pins import FIRST_WHEEL, conflicts, names, pins

INSTALLED = {"fastapi": ("0.115.0",), "numpy": ("1.26.4", "2.1.0")}


def lines(text: str, python: str = "3.12") -> list[int]:
    return [pin.line for pin, _ in conflicts(text, python, INSTALLED)]


IMPOSSIBLE = """numpy==1.16.*|numpy==1.16.4|numpy<1.20|numpy<=1.25.2|numpy~=1.19.0|NumPy == 1.16|numpy[x]==1.16|numpy (==1.16)|
numpy>=1.10,<1.20|scikit_learn==0.21.3|Scikit-Learn==0.21.3 ; x < '4'|tensorflow==1.13.* # old|torch===1.6.0|numpy<1.26|
fastapi==0.61.1|fastapi<0.100|fastapi>0.115|fastapi!=0.115.0|fastapi~=0.61.0"""
POSSIBLE = """numpy|numpy>=1.16|numpy==1.26.*|numpy==1.26.4|numpy~=1.26|numpy<=1.27|numpy<3|numpy!=1.26.4|requests==2.20.0||
git+https://github.com/a/b@v1|numpy @ https://example.org/numpy-1.16.whl|--find-links https://x/numpy==1.16|# numpy==1.16|
fastapi>=0.61|fastapi==0.115.*|fastapi~=0.100|fastapi==0.115.0.post1|==1.0|numpy==x"""


@pytest.mark.parametrize("requirement", IMPOSSIBLE.replace("\n", "").split("|"))
def test_a_pin_that_cannot_be_met_is_found(requirement: str) -> None:
    """Every spelling of an upper bound, whatever the case of the name."""
    assert lines(f"# comment\n{requirement}\n") == [2]


@pytest.mark.parametrize("requirement", POSSIBLE.replace("\n", "").split("|"))
def test_what_can_be_met_is_left_alone(requirement: str) -> None:
    """Lower bounds, packages that any Python installs, options and URLs."""
    assert lines(requirement) == []


def test_the_sentence_names_a_version_that_can_be_had() -> None:
    """The person who reads it can write that down."""
    ((_, sentence),) = conflicts("numpy==1.16.4\n", "3.12", {})
    assert sentence == "numpy==1.16.4 has no wheel for Python 3.12; numpy>=1.26.0 has"


def test_the_table_is_about_normalised_names_and_known_pythons() -> None:
    """A row that could not be found would be dead."""
    for name, row in FIRST_WHEEL.items():
        assert re.sub(r"[-_.]+", "-", name).lower() == name
        assert list(row) == ["3.11", "3.12", "3.13"]


@given(st.text(st.sampled_from("numpy=<>!~.*0123456789 ,;#[]()-\nx"), max_size=60))
def test_no_requirements_upset_the_reader(text: str) -> None:
    """Nor do lines that pip would refuse."""
    list(pins(text))
    list(conflicts(text, "3.12", INSTALLED))


def test_names_with_and_without_bounds() -> None:
    """Each as PyPI spells it; options, addresses and comments are none."""
    lines = ["# a", "-r base.txt", "Scikit_Learn", "numpy>=1", "x[extra] ; y", "z @ file", "git+https://example.org/a"]
    text = "\n".join([*lines, "opencv-python==4 # b", "./wheel.whl"])
    assert list(names(text)) == [(3, "scikit-learn"), (4, "numpy"), (5, "x"), (6, "z"), (8, "opencv-python")]
