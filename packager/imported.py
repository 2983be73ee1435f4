"""What a predictor imports that Cortex's images had and ours have not; pure functions over the module's text."""

import ast
from collections.abc import Collection, Iterator, Mapping

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


def not_installed(source: bytes, installed: Collection[str], own: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """(line, import name, distribution) of each package of CORTEX_HAD that the module cannot do without, once.

    `installed` are distributions, `own` the project's modules. Imports in a `try` are passed over: somebody has thought of
    them. A module that does not parse has none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    seen: set[str] = set()
    for line, name in sorted(_imports(tree)):
        distribution = CORTEX_HAD.get(name)
        if distribution is not None and distribution not in installed and name not in own and name not in seen:
            seen.add(name)
            yield line, name, distribution


def _imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name.partition(".")[0]) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            yield child.lineno, (child.module or "").partition(".")[0]
        elif not isinstance(child, ast.Try):
            yield from _imports(child)
