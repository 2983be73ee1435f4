"""The user's Predictor class, checked by reading its source: nothing of the user's is imported or run.

The verdicts are those of the runtime, which reads the same things off the imported class (and of Cortex 0.22, where the
runtime is more lenient, as warnings). What reading cannot know (base classes and decorators from elsewhere, star
imports) is left to the runtime.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from packager.parsed import UNPARSABLE, parsed, valid_later
from packager.problem import Severity
from runtime_handler.contract import PredictorTypeName

CLASS_NAMES: Mapping[PredictorTypeName, str] = {
    "python": "PythonPredictor",
    "tensorflow": "TensorFlowPredictor",
    "onnx": "ONNXPredictor",
}
CLIENTS: Mapping[PredictorTypeName, str] = {
    "python": "python_client",
    "tensorflow": "tensorflow_client",
    "onnx": "onnx_client",
}
METHODS: Mapping[str, tuple[str, ...]] = {
    "predict": ("payload", "query_params", "headers", "batch_id"),
    "post_predict": ("response", "payload", "query_params", "headers"),
    "on_job_complete": (),
}
"""The arguments, besides self, that each method may declare."""

MOST_BASES = 50
"""Base classes of a class that are followed; what is beyond is not known."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Finding(NamedTuple):
    """Something about a predictor file: the line in it (None: the whole file), a code, a sentence with the remedy."""

    line: int | None
    code: str
    message: str
    severity: Severity = "error"


def examine(source: bytes, type_name: PredictorTypeName, *, has_models: bool, python: str | None = None) -> Iterator[Finding]:
    """What is wrong with the predictor file of that type, in the order of the file.

    `python` is the version that will run it (None: this one); where it is newer, its syntax is not known here.
    """
    try:
        module = parsed(source)
    except SyntaxError as error:
        if python is not None and valid_later(error, python):
            here = "{}.{}".format(*sys.version_info)
            message = f"is not valid Python {here}, which runs cxpack ({error.msg}); Python {python} of the image may take it"
            yield Finding(error.lineno, "cxpack.predictor_syntax", f"{message}, and nothing in it was checked", "warning")
            return
        yield Finding(error.lineno or None, "cxpack.predictor_syntax", f"is not valid Python: {error.msg}")
        return
    except UNPARSABLE as error:
        yield Finding(None, "cxpack.predictor_syntax", f"is not valid Python: {error or type(error).__name__}")
        return
    names = _Names(module)
    wanted = CLASS_NAMES[type_name]
    found = names.classes.get(wanted, [])
    if not found:
        if not names.may_have(wanted):
            yield _missing_class(names, wanted, type_name)
        return
    for again in found[1:]:
        yield Finding(again.lineno, "cxpack.predictor_class", f"{wanted} is defined in line {found[0].lineno} already; keep one")
    yield from sorted(_class_findings(found[0], names, type_name, has_models), key=lambda finding: finding.line or 0)


OF_THE_REQUEST = ("query_params", "headers")
"""Arguments that are filled from more of a request than its body."""


def request_arguments(source: bytes, type_name: PredictorTypeName) -> Iterator[tuple[int, str]]:
    """(line, argument) of each of OF_THE_REQUEST that the predictor's methods declare; none for a file that is no Python."""
    try:
        names = _Names(parsed(source))
    except UNPARSABLE:
        return
    for cls in names.classes.get(CLASS_NAMES[type_name], [])[:1]:
        methods, _ = _methods(cls, names, frozenset(), set())
        for method in (methods[name] for name in METHODS if name in methods):
            yield from ((argument.lineno, argument.arg) for argument in _named(method) if argument.arg in OF_THE_REQUEST)


class _Names:
    """What a module binds at its top level, in `if`, `try` and `with` blocks too."""

    def __init__(self, module: ast.Module) -> None:
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.functions: set[str] = set()
        self._others: set[str] = set()
        self._collect(module.body, top=True)

    def may_have(self, name: str) -> bool:
        """Whether the module binds the name in a way that reading cannot follow."""
        return name in self._others or "*" in self._others

    def _collect(self, body: Sequence[ast.AST], *, top: bool) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                if top:
                    self.classes.setdefault(node.name, []).append(node)
                else:
                    self._others.add(node.name)  # one branch of several: which one runs is not known
            elif isinstance(node, _Function):
                self.functions.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._others |= {alias.asname or alias.name for alias in node.names}
            else:
                inside = list(ast.walk(node))
                self._others |= {name.id for name in inside if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
                self._collect(
                    [inner for inner in inside if isinstance(inner, ast.ClassDef | ast.Import | ast.ImportFrom)], top=False
                )


def _missing_class(names: _Names, wanted: str, type_name: PredictorTypeName) -> Finding:
    code = "cxpack.predictor_class"
    for other_type, other in CLASS_NAMES.items():
        if other in names.classes:
            line = names.classes[other][0].lineno
            return Finding(
                line,
                code,
                f"defines {other}, yet predictor.type is {type_name}; rename it to {wanted}, or write type: {other_type}",
            )
    if "Handler" in names.classes:
        line = names.classes["Handler"][0].lineno
        return Finding(line, code, f"defines Handler, as for Cortex 0.34 and later; name it {wanted}, with the method predict")
    if "predict" in names.functions:
        return Finding(
            None, code, f"has a function predict, as for Cortex 0.11 and earlier; make it a method of a class {wanted}"
        )
    close = [name for name in names.classes if name.lower() == wanted.lower()]
    hint = f'; rename "{close[0]}"' if close else "; define it"
    return Finding(None, code, f"has no class {wanted}, which a {type_name} predictor needs{hint}")


def _class_findings(cls: ast.ClassDef, names: _Names, type_name: PredictorTypeName, has_models: bool) -> Iterator[Finding]:
    methods, whole = _methods(cls, names, frozenset(), set())
    client = CLIENTS[type_name]
    yield from _constructor(cls, methods.get("__init__"), client, has_models=has_models, whole=whole)
    if "predict" not in methods and whole:
        yield Finding(cls.lineno, "cxpack.predictor_method", f"{cls.name} has no method predict; define it")
    for name, allowed in METHODS.items():
        if name in methods:
            yield from _arguments(methods[name], allowed)
    if type_name == "python" and has_models:
        if "load_model" in methods:
            yield from _arguments(methods["load_model"], ("model_path",))
        elif whole:
            message = f"{cls.name} has no method load_model(self, model_path), which an API with models needs; define it"
            yield Finding(cls.lineno, "cxpack.predictor_method", message)


def _methods(cls: ast.ClassDef, names: _Names, above: frozenset[str], seen: set[str]) -> tuple[dict[str, _Function], bool]:
    """The methods of a class, those of its bases in this module included; False when there may be others.

    `above`: the classes that this is a base of, `seen`: those that were read, each once, so that a base of several bases stands
    behind all of them, as in Python's order.
    """
    methods: dict[str, _Function] = {}
    whole = not cls.keywords and not cls.decorator_list
    above |= {cls.name}
    seen.add(cls.name)
    for base in reversed(cls.bases):
        inherited = names.classes.get(base.id, []) if isinstance(base, ast.Name) else []
        known = len(inherited) == 1 and inherited[0].name not in above
        if known and inherited[0].name in seen:
            continue
        if known and len(seen) < MOST_BASES:
            found, complete = _methods(inherited[0], names, above, seen)
            methods |= found
            whole = whole and complete
        elif not (isinstance(base, ast.Name) and base.id == "object"):
            whole = False
    for node in cls.body:
        if isinstance(node, _Function):
            methods[node.name] = node
        elif not isinstance(node, ast.Expr | ast.Pass):
            whole = False  # an assignment or a branch may define any name
    return methods, whole


def _constructor(cls: ast.ClassDef, method: _Function | None, client: str, *, has_models: bool, whole: bool) -> Iterator[Finding]:
    if method is None:
        if whole and has_models:
            message = f"{cls.name} has no __init__ that takes {client}, which an API with models needs; define it"
            yield Finding(cls.lineno, "cxpack.predictor_method", message)
        return
    yield from _arguments(method, ("config", "job_spec", *((client,) if has_models else ())), client=client)
    declared = {argument.arg for argument in _named(method)}
    if has_models and client not in declared and not method.decorator_list:
        yield Finding(
            method.lineno, "cxpack.predictor_arguments", f"__init__ must take {client}, because the API has models; add it"
        )
    if "config" not in declared and not method.decorator_list:
        message = "__init__ does not take config, which Cortex insisted on; it is called without it"
        yield Finding(method.lineno, "cxpack.predictor_arguments", message, "warning")


def _arguments(method: _Function, allowed: tuple[str, ...], *, client: str | None = None) -> Iterator[Finding]:
    """Arguments that nothing fills, and a method that cannot be called as predictors' methods are."""
    if method.decorator_list:
        return  # what a decorator makes of the arguments is not known
    code = "cxpack.predictor_arguments"
    if isinstance(method, ast.AsyncFunctionDef):
        yield Finding(
            method.lineno, code, f"{method.name} is an async function; predictors are called on a thread, write def {method.name}"
        )
        return
    named = _named(method)
    if not named and method.args.vararg is None:
        yield Finding(method.lineno, code, f"{method.name} does not take self; make it the first argument")
        return
    optional = _optional(method)
    for argument in named[1:]:
        if argument.arg in allowed or argument.arg in optional:
            continue
        if argument.arg == client:
            message = f"__init__ takes {client}, which only APIs with models get; remove it, or give the API model_path or models"
        else:
            known = f"known: {', '.join(allowed)}" if allowed else "there are none"
            message = f"{method.name} takes an unknown argument {argument.arg} ({known}); remove it, or give it a default"
        yield Finding(argument.lineno, code, message)


def _named(method: _Function) -> list[ast.arg]:
    return [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]


def _optional(method: _Function) -> set[str]:
    positional = [*method.args.posonlyargs, *method.args.args]
    with_default = positional[len(positional) - len(method.args.defaults) :]
    keywords = zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True)
    return {argument.arg for argument in with_default} | {argument.arg for argument, default in keywords if default is not None}
