"""Imports of what only Cortex's images had."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.counted_on import installs, mentions
from packager.imported import CORTEX_HAD, RARELY_BROUGHT, imports, not_brought, not_installed
from packager.predictor_class import examine
from tests.builders import PREDICTOR


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


DEEP = {
    "a sum": f"x = {' + '.join(['1'] * 1000)}\n",
    "elifs": "if a: pass\n" + "elif a: pass\n" * 1500,
    "a chain of attributes": f"x{'.a' * 1000}()\n",
    "a chain of calls": f"x{'.a()' * 500}\n",
}


@pytest.mark.parametrize("kind", DEEP)
def test_a_deep_module_is_read_to_its_end(kind: str) -> None:
    """Python compiles it, so it is looked at as any other."""
    source = (DEEP[kind] + PREDICTOR + "import torch\n").encode()
    compile(source, "predictor.py", "exec")
    assert [each.name for each in imports(source)] == ["torch"]
    assert installs(source) == ()
    assert mentions(source, "nothing") is None
    assert list(examine(source, "python", has_models=False)) == []


def test_a_long_line_of_bases_is_followed() -> None:
    """Until nobody can tell any more what it inherits."""
    bases = "".join(f"class A{number}(A{number - 1}): pass\n" for number in range(1, 2000))
    source = f"class A0: pass\n{bases}{PREDICTOR.replace('Predictor:', 'Predictor(A1999):')}"
    assert list(examine(source.encode(), "python", has_models=False)) == []
