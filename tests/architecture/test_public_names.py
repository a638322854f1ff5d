"""What users see: every public name explained, and none of them typed as anything at all."""

import ast
import inspect
import types
from collections.abc import Iterator

import lightagent
from tests.architecture.source import PACKAGE, sources

Function = ast.FunctionDef | ast.AsyncFunctionDef
VAGUE = {"Any", "typing.Any", "typing_extensions.Any", "t.Any"}


def test_every_public_name_is_there_and_explained() -> None:
    assert lightagent.__all__
    unexplained = {name for name in lightagent.__all__ if not _is_explained(getattr(lightagent, name))}
    assert not unexplained


def test_every_public_method_is_explained() -> None:
    """Here rather than by ruff, since an override inherits its explanation from what it overrides."""
    classes = [value for name in lightagent.__all__ if inspect.isclass(value := getattr(lightagent, name))]
    unexplained = {
        f"{cls.__qualname__}.{name}"
        for cls in classes
        for name, member in vars(cls).items()
        if not name.startswith("_") and _is_method(member) and not inspect.getdoc(getattr(cls, name))
    }
    assert not unexplained


def test_no_public_signature_says_any() -> None:
    vague = [
        f"{source.name}:{annotation.lineno}: {ast.unparse(annotation)}"
        for source in sources("src/lightagent")
        if not any(part.startswith("_") and part != "__init__.py" for part in source.path.relative_to(PACKAGE).parts)
        for annotation in public_annotations(source.tree)
        if says_any(annotation)
    ]
    assert len(vague) == 0, "\n".join(vague)


def test_any_is_found_wherever_a_public_name_says_it() -> None:
    told = """
        def f(x: list[Any], *args: Any, y: "Any" = None, **options: typing.Any) -> Any: ...
        type_alias: TypeAlias = Any
        JSON = dict[str, Any]
        class C:
            attribute: Any
            def method(self) -> Callable[[], Any]: ...
    """
    kept = """
        def f(x: Anything) -> None:
            inside: Any = x
        def _private(x: Any) -> Any: ...
        class _Private:
            attribute: Any
        class C:
            _attribute: Any
            def _method(self) -> Any: ...
    """
    assert sum(map(says_any, public_annotations(_parse(told)))) == 9
    assert sum(map(says_any, public_annotations(_parse(kept)))) == 0


def public_annotations(scope: ast.Module | ast.ClassDef) -> Iterator[ast.expr]:
    """The annotations and type aliases of the public names of a module or class, its classes' included."""
    for node in scope.body:
        if isinstance(node, Function) and _is_public(node.name):
            yield from _signature(node)
        elif isinstance(node, ast.ClassDef) and _is_public(node.name):
            yield from node.bases
            yield from public_annotations(node)
        elif isinstance(node, ast.AnnAssign) and _is_public(ast.unparse(node.target)):
            yield from filter(None, (node.annotation, node.value))
        elif isinstance(node, ast.Assign) and _is_public(ast.unparse(node.targets[0])):
            yield node.value


def says_any(annotation: ast.expr) -> bool:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            text = ast.unparse(node)
        else:
            continue
        if text in VAGUE:
            return True
    return False


def _signature(function: Function) -> Iterator[ast.expr]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    yield from (argument.annotation for argument in every if argument is not None and argument.annotation is not None)
    if function.returns is not None:
        yield function.returns


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_explained(value: object) -> bool:
    documented = inspect.isclass(value) or inspect.isroutine(value)
    return not documented or bool(inspect.getdoc(value))


def _is_method(member: object) -> bool:
    return isinstance(member, types.FunctionType | property | classmethod | staticmethod)


def _parse(code: str) -> ast.Module:
    return ast.parse(inspect.cleandoc("\n" + code))
