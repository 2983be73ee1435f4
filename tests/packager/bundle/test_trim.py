"""What a serving process never opens is left out, and nothing else."""

import pytest

from packager.bundle.trim import kind, saved


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("numpy/_core/tests/test_dtype.py", "tests"),
        ("numpy/__init__.pyi", "type stubs"),
        ("numpy/_core/include/numpy/arrayobject.h", "headers and sources"),
        ("sklearn/tree/_tree.pyx", "headers and sources"),
        ("__pycache__/six.cpython-312.pyc", "bytecode"),
        ("numpy/__pycache__/version.cpython-312.pyc", "bytecode"),
        ("bin/f2py", "the installer's notes"),
        ("numpy-2.4.6.dist-info/RECORD", "the installer's notes"),
        ("onnxruntime/capi/libonnxruntime.so.1.31.1", "onnxruntime's C library"),
    ],
)
def test_left_out(path: str, why: str) -> None:
    """Each by the name that the line about it uses."""
    assert kind(path) == why


@pytest.mark.parametrize(
    "path",
    [
        "numpy/testing/__init__.py",  # imported by scipy and scikit-learn when they run
        "django/test/client.py",
        "tests/__init__.py",  # somebody's top-level package
        "numpy/_core/_multiarray_umath.cpython-312-x86_64-linux-gnu.so",
        "numpy.libs/libscipy_openblas64_.so",
        "numpy-2.4.6.dist-info/METADATA",  # importlib.metadata.version
        "onnxruntime/capi/onnxruntime_pybind11_state.so",
        "certifi/cacert.pem",
        "package/py.typed",
        "binary/tool.py",
    ],
)
def test_kept(path: str) -> None:
    """What may be imported or read stays."""
    assert kind(path) is None


def test_what_was_saved_is_counted_by_kind() -> None:
    """In bytes, of files that were there."""
    assert saved([("a/tests/x.py", 3), ("a/tests/y.py", 4), ("a/b.pyi", 5), ("a/b.py", 6)]) == {"tests": 7, "type stubs": 5}
