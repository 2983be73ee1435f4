"""Imports of what only Cortex's images had."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from packager.imported import CORTEX_HAD, RARELY_BROUGHT, not_brought, not_installed


def test_each_once_with_its_line_and_distribution() -> None:
    """Wherever they stand but in a try; what is installed, the project's own, and relative imports are none."""
    source = b"""
import os, PIL.Image
from sklearn.svm import SVC
from . import torch
try:
    import xgboost
except ImportError:
    pass
class A:
    def f(self):
        import PIL, numpy, nltk
"""
    assert list(not_installed(source, {"numpy"}, {"nltk"})) == [(2, "PIL", "pillow"), (3, "sklearn", "scikit-learn")]


@given(st.text())
def test_any_text(text: str) -> None:
    """Nothing raises, and only real lines are named."""
    for line, name, distribution in not_installed(text.encode(), (), ()):
        assert ast.parse(text.encode())
        assert line <= len(text.splitlines())
        assert CORTEX_HAD[name] == distribution


def test_what_other_packages_seldom_bring() -> None:
    """Said unless the requirements give a sign of it; what comes along with nearly everything is passed over."""
    source = b"import torch, numpy, cv2, sklearn"

    def names(requirements: str) -> list[str]:
        return [name for _, name, _ in not_brought(source, requirements, (), ())]

    assert names("transformers==2.9.*") == ["torch", "cv2"]
    assert names("fastai\nopencv-python-headless") == []
    assert names("--find-links https://example.org/whl/torch_stable.html\nalbumentations") == []
    assert RARELY_BROUGHT.keys() <= CORTEX_HAD.keys()
