"""What a shared library asks of the machine: its processor and the newest glibc symbol version, read from its ELF header."""

import re
import struct
from typing import NamedTuple

MAGIC = b"\x7fELF"
MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
"""e_machine of the processors that Lambda has (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html)."""
_NEEDED_VERSIONS = 0x6FFFFFFE  # SHT_GNU_verneed
_GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)")


class Library(NamedTuple):
    """`machine` is an architecture's name, or `machine N` for others; `glibc` None when it needs no particular one."""

    machine: str
    glibc: tuple[int, int] | None


def read_library(content: bytes) -> Library | None:
    """The facts of an ELF file; None for everything else and for what is cut off or 32 bits wide."""
    if content[:5] != MAGIC + b"\2" or content[5:6] not in {b"\1", b"\2"}:
        return None
    order = "<" if content[5] == 1 else ">"
    try:
        machine = struct.unpack_from(f"{order}H", content, 18)[0]
        table = struct.unpack_from(f"{order}Q", content, 40)[0]
        width, count = struct.unpack_from(f"{order}HH", content, 58)
        sections = [struct.unpack_from(f"{order}IIQQQQI", content, table + index * width) for index in range(count)]
    except struct.error:
        return None
    versions: set[tuple[int, int]] = set()
    for _, kind, _, _, _, _, link in sections:
        if kind == _NEEDED_VERSIONS and link < len(sections):
            # The version names stand in the string table that the section points to, beside all other names.
            _, _, _, _, start, size, _ = sections[link]
            versions |= {(int(major), int(minor)) for major, minor in _GLIBC.findall(content[start : start + size])}
    return Library(MACHINES.get(machine, f"machine {machine}"), max(versions, default=None))
