"""Layers from wheels: real uv, real compiling, and a folder of small wheels in place of a package index."""

import importlib.util
import marshal
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from packager.bundle.elf import read_library
from packager.bundle.errors import BundleError
from packager.bundle.parts import Part, check_libraries, packages_part
from packager.bundle.platform import Platform
from packager.bundle.rules import LIMIT
from packager.bundle.wheels import pins, requirements, resolve, sources
from packager.bundle.zips import check_size, make_layers
from tests.packager.bundle.test_elf import REAL, library
from tests.packager.bundle.wheelhouse import wheel

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = Platform(python=HERE, architecture="x86_64", glibc=(2, 34))


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uv finds packages, and nowhere else."""
    folder = tmp_path / "wheels"
    wheel(
        folder, "alpha", "1.0", {"alpha/__init__.py": b"ONE = 1\n", "alpha/tests/test_alpha.py": b"", "alpha/x.pyi": b"ONE: int"}
    )
    wheel(folder, "alpha", "2.0", {"alpha/__init__.py": b"TWO = 2\n"})
    wheel(folder, "beta", "1.0", {"beta.py": b"import alpha\n"}, needs="alpha>=1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


@pytest.fixture
def flavour() -> str:
    """Pinned requirements of a flavour that has alpha 1.0."""
    return resolve({"requirements.txt": b"alpha==1.0"}, PLATFORM)


def layers(requirements: str, flavour: str, cache: Path, said: list[str] | None = None) -> dict[str, Part]:
    lines: list[str] = []
    return make_layers(
        flavour, {"requirements.txt": requirements.encode()}, PLATFORM, cache, (lines if said is None else said).append
    )


def names(part: Part) -> set[str]:
    with zipfile.ZipFile(part.file) as archive:
        return {name for name in archive.namelist() if "dist-info" not in name and "__pycache__" not in name}


def test_the_flavour_is_one_file_for_all(flavour: str, tmp_path: Path) -> None:
    """A project's own layer holds what it brings beyond the flavour, in the flavour's versions."""
    without_any = layers("", flavour, tmp_path / "cache")
    with_beta = layers("beta\n", flavour, tmp_path / "cache")
    assert without_any == {"flavour": with_beta["flavour"]}
    assert names(with_beta["flavour"]) == {"python/alpha/__init__.py"}
    assert names(with_beta["packages"]) == {"python/beta.py"}


def test_requirements_of_the_flavour_alone_need_no_second_layer(flavour: str, tmp_path: Path) -> None:
    """Nothing is left to put there."""
    assert set(layers("alpha\n", flavour, tmp_path / "cache")) == {"flavour"}


def test_other_versions_than_the_flavours_win_in_one_layer(flavour: str, tmp_path: Path) -> None:
    """Two versions of a package in two layers would be unpacked over each other."""
    said: list[str] = []
    found = layers("alpha==2.0\n", flavour, tmp_path / "cache", said)
    assert set(found) == {"packages"}
    assert found["packages"].packages["alpha"] < 2000
    assert "not shared" in said[0]


@pytest.mark.parametrize(
    "requirements",
    [
        "./wheels/ours-1.0-py3-none-any.whl\n",
        "ours @ file:wheels/ours-1.0-py3-none-any.whl\n",
        "--find-links ./wheels\nours\n",
        "-r more/base.txt\n",
    ],
    ids=["path", "url", "find-links", "included"],
)
@pytest.mark.parametrize("clash", ["", "alpha==2.0\n"], ids=["shared", "not shared"])
def test_wheels_of_the_project_are_installed(requirements: str, clash: str, flavour: str, tmp_path: Path) -> None:
    """However requirements.txt names them, and whether the flavour's layer is shared or not."""
    wheel(tmp_path / "own", "ours", "1.0", {"ours.py": b"import beta\n"}, needs="beta")
    files = {
        "requirements.txt": (requirements + clash).encode(),
        "more/base.txt": b"--find-links=../wheels  # ours\nours\n",
        "wheels/ours-1.0-py3-none-any.whl": (tmp_path / "own/ours-1.0-py3-none-any.whl").read_bytes(),
    }
    found = make_layers(flavour, files, PLATFORM, tmp_path / "cache", print)
    everything = {"python/beta.py", "python/ours.py"} | ({"python/alpha/__init__.py"} if clash else set())
    assert names(found["packages"]) == everything
    assert ("flavour" in found) is not bool(clash)


def test_the_projects_own_build_of_a_flavours_package_wins(flavour: str, tmp_path: Path) -> None:
    """Of the same version too: a second layer would be unpacked over the first."""
    wheel(tmp_path / "own", "alpha", "1.0", {"alpha/ours.py": b""})
    files = {
        "requirements.txt": b"./alpha-1.0-py3-none-any.whl\n",
        "alpha-1.0-py3-none-any.whl": (tmp_path / "own/alpha-1.0-py3-none-any.whl").read_bytes(),
    }
    said: list[str] = []
    found = make_layers(flavour, files, PLATFORM, tmp_path / "cache", said.append)
    assert {name: names(part) for name, part in found.items()} == {"packages": {"python/alpha/ours.py"}}
    assert "it has its own alpha" in said[0]


def test_no_solution_is_explained(flavour: str, tmp_path: Path) -> None:
    """In the resolver's words, without its drawing."""
    with pytest.raises(BundleError, match=r"there are no versions of gamma|gamma was not found"):
        layers("gamma>=3\n", flavour, tmp_path / "cache")


def test_made_once(flavour: str, tmp_path: Path, index: Path) -> None:
    """With its input unchanged a layer is taken from the cache, where no index is needed; half a cache is none."""
    first = layers("beta\n", flavour, tmp_path / "cache")
    for file in index.iterdir():
        file.rename(tmp_path / file.name)
    assert layers("beta\n", flavour, tmp_path / "cache") == first
    first["packages"].file.unlink()
    with pytest.raises(BundleError):
        layers("beta\n", flavour, tmp_path / "cache")


def test_modules_are_compiled_for_where_they_will_be(flavour: str, tmp_path: Path) -> None:
    """Their bytecode is never compared with the source (PEP 552), and tracebacks name /opt/python."""
    part = packages_part(flavour, PLATFORM, tmp_path, print)
    assert part.compiled
    cached = importlib.util.cache_from_source("python/alpha/__init__.py")
    with zipfile.ZipFile(part.file) as archive:
        content = archive.read(cached)
    assert content[4] == 1
    assert marshal.loads(content[16:]).co_filename == "/opt/python/alpha/__init__.py"


def test_making_is_told_and_once(flavour: str, tmp_path: Path) -> None:
    """Before it begins, and after it with the size, what was saved, and whether the modules are compiled."""
    said: list[str] = []
    packages_part(flavour, PLATFORM, tmp_path, said.append)
    packages_part(flavour, PLATFORM, tmp_path, said.append)
    before, after = said
    assert before == f"making a layer of 1 packages for Python {HERE} on x86_64"
    assert after.startswith("0 MB unzipped, compiled; left out: ")
    assert "type stubs 0.0 MB" in after


def test_without_an_interpreter_modules_stay_as_they_are(flavour: str, tmp_path: Path) -> None:
    """Which one line says; the layer works all the same."""
    said: list[str] = []
    part = packages_part(flavour, Platform(python="3.99", architecture="x86_64", glibc=(2, 34)), tmp_path, said.append)
    assert not part.compiled
    assert "not compiled, for no Python of that version was found here" in said[-1]


def test_same_packages_same_bytes(flavour: str, tmp_path: Path) -> None:
    """Whatever the folder, the umask, the time zone, the locale and the hash seed."""
    program = (
        "import os, sys; from pathlib import Path; os.umask(int(sys.argv[2], 8))\n"
        "from packager.bundle.parts import packages_part; from packager.bundle.platform import Platform\n"
        f"platform = Platform(python={HERE!r}, architecture='x86_64', glibc=(2, 34))\n"
        "sys.stdout.write(str(packages_part(sys.stdin.read(), platform, Path(sys.argv[1]), lambda line: None).file))"
    )
    made = []
    for number, (umask, zone, seed, locale) in enumerate([("022", "UTC", "0", "C"), ("077", "Asia/Tokyo", "7", "C.UTF-8")]):
        variables = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": locale}
        command = [sys.executable, "-c", program, str(tmp_path / f"cache {number}"), umask]
        done = subprocess.run(command, input=flavour, env=variables, capture_output=True, text=True, check=True, timeout=60)
        made.append(Path(done.stdout))
    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()


def test_same_function_same_bytes(tmp_path: Path) -> None:
    """Whatever the folders, the umask, the file times, the time zone, the locale and the hash seed."""
    program = (
        "import os, sys; from pathlib import Path; os.umask(int(sys.argv[3], 8))\n"
        "from packager.bundle.parts import code_part; from packager.bundle.platform import Platform\n"
        "from packager.context import ContextFile\n"
        f"platform = Platform(python={HERE!r}, architecture='x86_64', glibc=(2, 34)); root = Path(sys.argv[1])\n"
        "files = {str(path.relative_to(root)): ContextFile(str(path), path) for path in root.rglob('*') if path.is_file()}\n"
        "files['api.json'] = ContextFile('api.json', b'{}')\n"
        "sys.stdout.write(str(code_part(files, 'digest', platform, Path(sys.argv[2])).file))"
    )
    made = []
    for umask, zone, seed, locale, written in [("022", "UTC", "0", "C", 1), ("077", "Asia/Tokyo", "7", "C.UTF-8", 10**9)]:
        root = tmp_path / zone.replace("/", " ") / "context"
        (root / "project/lib").mkdir(parents=True)
        for path, text in (("project/predictor.py", "A = {1, 2, 3}\n"), ("project/lib/run.sh", "true\n"), ("project/a.bin", "x")):
            (root / path).write_text(text)
            os.utime(root / path, (written, written))
        (root / "project/lib/run.sh").chmod(0o700 if umask == "077" else 0o755)
        variables = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": locale}
        command = [sys.executable, "-c", program, root, tmp_path / f"cache {umask}", umask]
        made.append(Path(subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=60).stdout))
    with zipfile.ZipFile(made[0]) as archive:
        assert {"api.json", "project/predictor.py", "project/lib/run.sh"} <= set(archive.namelist())
    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()


def test_libraries_that_cannot_load_are_named(tmp_path: Path, index: Path) -> None:
    """At synth, not at the first request in the cloud."""
    wheel(index, "alpha", "3.0", {"alpha/__init__.py": b"", "alpha/native.so": library(0xB7)})
    pinned = resolve({"requirements.txt": b"alpha==3.0"}, PLATFORM)
    with pytest.raises(BundleError, match=r"alpha/native\.so is built for arm64, not x86_64; use other wheels"):
        packages_part(pinned, PLATFORM, tmp_path / "cache", print)


def test_a_library_of_a_newer_system_is_named(tmp_path: Path) -> None:
    """With the glibc that it needs and the one that there is."""
    (tmp_path / "native.so").write_bytes(REAL.read_bytes())
    found = read_library(REAL.read_bytes())
    assert found is not None
    old = Platform(python=HERE, architecture="x86_64" if found.machine == "x86_64" else "arm64", glibc=(2, 2))
    with pytest.raises(BundleError, match=r"native.so needs glibc 2\.\d+, Lambda has 2\.2"):
        check_libraries(tmp_path, old)


def test_too_large_is_said_with_the_largest_packages(tmp_path: Path) -> None:
    """Lambda's number, how much too much it is, and where it comes from."""
    sizes = {f"package{number}": number * 10**6 for number in range(1, 14)}
    part = Part(file=tmp_path / "x.zip", size=LIMIT, packages=sizes, saved={}, compiled=True)
    check_size("api", {"packages": part})
    with pytest.raises(BundleError, match="262,144,001 bytes unzipped, 1 over Lambda's limit of 262,144,000") as caught:
        check_size("api", {"packages": part, "function": Part(file=part.file, size=1, packages={}, saved={}, compiled=True)})
    listed = str(caught.value).splitlines()[1:]
    assert [line.split()[-1] for line in listed] == [f"package{number}" for number in range(13, 3, -1)]


def test_where_packages_come_from_is_read_from_what_requirements_include(tmp_path: Path) -> None:
    """Once each, options of all spellings, folders as seen from the project's root, files in a circle."""
    files = {
        "requirements.txt": b"-i https://a.example/simple  # ours\n--extra-index-url=https://b.example\n-r sub/more.txt\nbeta\n",
        "sub/more.txt": b"-f ../wheels\n--find-links ./here\n--requirement=../requirements.txt\n--no-index\n-rlast.txt\n",
        "sub/last.txt": b"--trusted-host b.example\n# -f nowhere\n--find-links https://c.example/wheels\n",
    }
    assert sources(files) == [
        "-i https://a.example/simple",
        "--extra-index-url https://b.example",
        "-f ./wheels",
        "--find-links ./sub/here",
        "--no-index",
        "--trusted-host b.example",
        "--find-links https://c.example/wheels",
    ]


def test_requirements_of_a_resolution() -> None:
    """Each with its hashes, whatever it is; comments and options are none."""
    text = (
        "# made\n--no-index\nAlpha_x==1.0 \\\n    --hash=sha256:1\n    # via beta\n"
        "./w/ours.a-1.0-py3-none-any.whl \\\n    --hash=sha256:2\nb[c] @ https://d/e.whl\n"
    )
    found = requirements(text)
    assert list(found) == ["alpha-x", "ours-a", "b"]
    assert "".join(found.values()) == text.removeprefix("# made\n--no-index\n")
    assert pins(text) == {"alpha-x": "1.0"}


def test_pins_of_a_resolution(flavour: str) -> None:
    """Name and version, hashes apart."""
    assert pins(flavour) == {"alpha": "1.0"}
    assert "--hash=sha256:" in flavour
