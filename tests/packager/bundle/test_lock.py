"""`synth --lock`: real uv, and a folder of small wheels in place of a package index."""

from pathlib import Path

import pytest

from packager.cli import main
from tests.builders import a_project, an_api
from tests.packager.bundle.wheelhouse import wheel


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that needs beta, which needs alpha, as the current folder; uv finds both in a folder, and nothing else."""
    wheels = tmp_path / "wheels"
    wheel(wheels, "alpha", "1.0", {"alpha.py": b"ONE = 1\n"})
    wheel(wheels, "beta", "1.0", {"beta.py": b"import alpha\n"}, needs="alpha>=1")
    values = {
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    a_project(tmp_path / "shop", requirements_dot_txt="--extra-index-url https://packages.example/simple\nbeta\n")
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_the_lock_names_every_package_with_hashes_and_leaves_the_project_alone(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the build installs is decided now, also what the requirements need in turn; where from stays the user's."""
    assert main(["synth", "--lock"]) == 0
    text = (shop / "cxpack.out/echo/dependencies/requirements.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(" ")]
    assert [line.split(" ")[0] for line in lines] == ["--extra-index-url", "alpha==1.0", "beta==1.0"]
    assert text.count("--hash=sha256:") == 2
    assert (shop / "requirements.txt").read_text().splitlines()[-1] == "beta"
    assert (shop / "cxpack.out/echo/project/requirements.txt").read_text().splitlines()[-1] == "beta"
    assert main(["synth", "--lock"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["unchanged echo", "next: cdk deploy --all"]


def test_the_lock_keeps_wheels_of_the_project(shop: Path) -> None:
    """They are named as before, with hashes, and so is the folder that another file says has more."""
    wheel(shop / "wheels", "ours", "1.0", {"ours.py": b""}, needs="theirs")
    wheel(shop / "more/wheels", "theirs", "1.0", {"theirs.py": b""})
    (shop / "requirements.txt").write_text("./wheels/ours-1.0-py3-none-any.whl\n-r more/base.txt\n")
    (shop / "more/base.txt").write_text("--find-links ./wheels\n")
    assert main(["synth", "--lock"]) == 0
    text = (shop / "cxpack.out/echo/dependencies/requirements.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(" ")]
    assert lines == ["--find-links ./more/wheels", "./wheels/ours-1.0-py3-none-any.whl \\", "theirs==1.0 \\"]


@pytest.mark.parametrize(("compute", "version"), [("{cpu: 1}", "2.0"), ("{inf: 1}", "1.0")])
def test_the_lock_is_for_the_system_of_the_image(shop: Path, compute: str, version: str) -> None:
    """Images for Inferentia stand on an older one than the others, which does not load what is built for theirs."""
    wheel(shop.parent / "wheels", "native", "1.0", {"native.py": b""}, tag="py3-none-manylinux_2_31_x86_64")
    wheel(shop.parent / "wheels", "native", "2.0", {"native.py": b""}, tag="py3-none-manylinux_2_36_x86_64")
    a_project(shop, an_api(compute=compute), requirements_dot_txt="native\n")
    assert main(["synth", "--lock"]) == 0
    text = (shop / "cxpack.out/echo/dependencies/requirements.txt").read_text()
    assert text.split()[0] == f"native=={version}"


def test_without_lock_nothing_is_resolved(shop: Path) -> None:
    """The build takes what requirements.txt says, and synth needs no index: there is none here that has gamma."""
    (shop / "requirements.txt").write_text("gamma\n")
    assert main(["synth"]) == 0
    assert (shop / "cxpack.out/echo/dependencies/requirements.txt").read_text() == "gamma\n"


def test_no_solution_is_an_error_that_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Uv's explanation reaches the user, and the folder is as it was."""
    (shop / "requirements.txt").write_text("beta>=2\n")
    assert main(["synth", "--lock"]) == 1
    said = capsys.readouterr().err
    assert "beta" in said
    assert "nothing was changed" in said
    assert not (shop / "cxpack.out").exists()
