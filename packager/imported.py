"""What a predictor imports, and what of it Cortex's images had and ours have not; pure functions over the module's text."""

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from packager.parsed import REMEMBERED, UNPARSABLE, parsed

CORTEX_HAD: Mapping[str, str] = {
    "Cython": "cython",
    "PIL": "pillow",
    "cloudpickle": "cloudpickle",
    "cv2": "opencv-python-headless",
    "dill": "dill",
    "joblib": "joblib",
    "keras": "keras",
    "msgpack": "msgpack",
    "nltk": "nltk",
    "numpy": "numpy",
    "pandas": "pandas",
    "requests": "requests",
    "scipy": "scipy",
    "six": "six",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "sympy": "sympy",
    "tensorflow": "tensorflow",
    "tensorflow_hub": "tensorflow-hub",
    "torch": "torch",
    "torchvision": "torchvision",
    "xgboost": "xgboost",
    "yaml": "pyyaml",
}
"""Import name -> distribution, of Cortex 0.22's images (its page "Python packages"), which projects could use unlisted."""

RARELY_BROUGHT: Mapping[str, tuple[str, ...]] = {
    "cv2": ("opencv", "albumentations", "ultralytics"),
    "keras": ("keras", "tensorflow"),
    "nltk": ("nltk", "allennlp"),
    "skimage": ("scikit-image", "scikit_image"),
    "statsmodels": ("statsmodels",),
    "tensorflow": ("tensorflow", "tflite"),
    "tensorflow_hub": ("tensorflow-hub", "tensorflow_hub"),
    "torch": ("torch", "accelerate", "allennlp", "easyocr", "fastai", "flair", "sentence-transformers", "timm", "ultralytics"),
    "torchvision": ("torchvision", "easyocr", "fastai", "timm", "ultralytics"),
    "xgboost": ("xgboost",),
}
"""Of CORTEX_HAD, what other packages seldom depend on (transformers does without torch): import name -> words of a
requirements.txt that bring it. The rest comes along with nearly everything."""


class Import(NamedTuple):
    """An import of `module` (`a.b`, empty in `from . import c`), and of what is named of it, so many packages up (0: absolute).

    `guarded` says that it stands in a `try`: somebody has thought of its lack.
    """

    line: int
    module: str
    guarded: bool
    members: tuple[str, ...] = ()
    level: int = 0

    @property
    def name(self) -> str:
        """The top-level package, or module; empty for a relative import, which is none of another distribution."""
        return "" if self.level else self.module.partition(".")[0]


@lru_cache(REMEMBERED)
def imports(source: bytes) -> tuple[Import, ...]:
    """The imports of a module by line, wherever they stand; one that does not parse has none."""
    try:
        tree = parsed(source)
    except UNPARSABLE:
        return ()
    return tuple(sorted(_below(tree)))


def not_installed(source: bytes, installed: Collection[str], own: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """(line, import name, distribution) of each package of CORTEX_HAD that the module cannot do without, once.

    `installed` are distributions, `own` the project's modules.
    """
    needed = {each.name: each.line for each in reversed(imports(source)) if not each.guarded}
    for name, line in sorted(needed.items(), key=lambda item: item[1]):
        distribution = CORTEX_HAD.get(name)
        if distribution is not None and distribution not in installed and name not in own:
            yield line, name, distribution


def not_brought(
    source: bytes, requirements: str, installed: Collection[str], own: Collection[str]
) -> Iterator[tuple[int, str, str]]:
    """As `not_installed`, of RARELY_BROUGHT alone: what the text of a requirements.txt gives no sign of."""
    text = requirements.lower()
    for line, name, distribution in not_installed(source, installed, own):
        if name in RARELY_BROUGHT and not any(word in text for word in RARELY_BROUGHT[name]):
            yield line, name, distribution


def _below(module: ast.AST) -> Iterator[Import]:
    """Those anywhere in the tree; with a list of what is to be looked at, for long sums and elifs are deep trees."""
    waiting = [(module, False)]
    while waiting:
        node, guarded = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(child.lineno, alias.name, guarded) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                members = tuple(alias.name for alias in child.names)
                yield Import(child.lineno, child.module or "", guarded, members, child.level)
            else:
                waiting.append((child, guarded or isinstance(child, ast.Try)))
