"""Small wheels in a folder, in place of a package index."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

TAG = "py3-none-any"


def wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes], *, tag: str = TAG, needs: str = "") -> None:
    """A wheel of `files` with a whole RECORD; `needs` is one requirement."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in contents.items())
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, content in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(path, content)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
