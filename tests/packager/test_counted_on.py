"""What a predictor counts on that only Cortex's containers had."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.counted_on import ACCESS_KEY, imports_of_cortex, installs, mentions

INSTALLING = [
    'os.system("pip install x")',
    'subprocess.run(["pip3", "install", "x"])',
    'subprocess.check_call([sys.executable, "-m", "pip", "install", *names])',
    'run(f"pip install {name}", shell=True)',
    'subprocess.call("python -m spacy download en".split(" "))',
    'spacy.cli.download("en")',
    'os.popen("apt-get -y install tree")',
    'subprocess.Popen("conda install -y x", shell=True)',
]
NOT_INSTALLING = [
    '"pip install x"',
    'print("pip install x")',
    'raise ImportError("pip install x")',
    'os.system("pip list")',
    'subprocess.run(["tree", "install"])',
    'nltk.download("punkt")',
    "self.run(x)",
]


@pytest.mark.parametrize("call", INSTALLING)
def test_calls_that_install(call: str) -> None:
    """Commands as one text, as a list, split or formatted; the line is the call's."""
    assert [line for line, _ in installs(f"import os\n{call}".encode())] == [2]


@pytest.mark.parametrize("call", NOT_INSTALLING)
def test_calls_that_do_not(call: str) -> None:
    """A text about installing installs nothing."""
    assert installs(call.encode()) == ()


def test_imports_of_cortexs_own_code() -> None:
    """Not those of a project's own module of that name, nor those that somebody has guarded."""
    source = b"from cortex.lib import log\ntry:\n    import cortex_internal\nexcept ImportError:\n    pass"
    assert list(imports_of_cortex(source, ())) == [(1, "cortex")]
    assert list(imports_of_cortex(source, {"cortex"})) == []


def test_the_first_mention_of_a_variable() -> None:
    """Wherever it stands; a longer text that has it is another."""
    assert mentions(b'x = "AWS_ACCESS_KEY_ID is"\nos.environ.get("AWS_ACCESS_KEY_ID")', ACCESS_KEY) == 2
    assert mentions(b"x = 1", ACCESS_KEY) is None


@given(st.one_of(st.text().map(str.encode), st.binary()))
def test_any_text(source: bytes) -> None:
    """Nothing raises."""
    installs(source)
    mentions(source, ACCESS_KEY)
    list(imports_of_cortex(source, ()))
