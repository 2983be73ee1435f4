"""Shared libraries are known by their headers, whatever machine reads them."""

import struct
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.bundle.elf import MAGIC, Library, read_library

REAL = next((Path(numpy.__file__).parent / "_core").glob("_multiarray_umath*.so"))


def library(machine: int, order: str = "<") -> bytes:
    """The smallest ELF file: a header without sections."""
    head = MAGIC + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    return head + struct.pack(f"{order}HHIQQQIHHHHHH", 3, machine, 1, 0, 0, 0, 0, 64, 0, 0, 64, 0, 0)


def test_a_real_library() -> None:
    """Numpy's own: this machine's processor, and a glibc that it was built against."""
    found = read_library(REAL.read_bytes())
    assert found is not None
    assert found.machine == {"x86_64": "x86_64", "aarch64": "arm64"}[__import__("platform").machine()]
    assert found.glibc is not None
    assert (2, 2) < found.glibc < (3, 0)


@pytest.mark.parametrize(("machine", "name"), [(0x3E, "x86_64"), (0xB7, "arm64"), (0xF3, "machine 243")])
def test_processors(machine: int, name: str) -> None:
    """Lambda's two by name, others by number."""
    assert read_library(library(machine)) == Library(name, None)
    assert read_library(library(machine, ">")) == Library(name, None)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """What is no library, or half of one, is none."""
    assert read_library(content) is None
    assert read_library(MAGIC + b"\2\1" + content[:30]) is None
    read_library(library(0x3E)[:48] + content)
