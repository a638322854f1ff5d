"""Finds assertions that a machine must be fast for: what comes of a clock, bounded from above by a few seconds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

PATIENCE = 10.0
"""Seconds; a bound from here on is a watchdog, which only something that hangs will meet."""
CLOCK = re.compile(r"^(time|default_timer|(monotonic|perf_counter|process_time|thread_time|time)(_ns)?)$")
DURATION = re.compile(r"^(elapsed|took|lasted|duration|latency|seconds|best_of|fastest|slowest)(_|$)|_(elapsed|took)$")
KEEPERS = ("append", "add", "extend", "insert", "put")
COUNTS = ("len", "count")


def tight_bounds(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and text of each assertion that bounds a time by less than `PATIENCE`, or by nobody knows what.

    A bound that is itself measured makes a ratio, which is spared; a moment and a few seconds more is none.
    """
    bounds = [(scope, list(_bounds_in(scope))) for scope in _outermost(tree)]
    if not any(inside for _, inside in bounds):
        return []
    module = _Measured(tree)
    found: set[tuple[int, str]] = set()
    for scope, inside in bounds:
        measured = _Measured(scope, module) if inside else module
        found.update((node.lineno, ast.unparse(node)) for node, value, most in inside if measured.is_tight(value, most))
    return sorted(found)


def _bounds_in(scope: ast.AST) -> Iterator[tuple[ast.Assert, ast.expr, ast.expr]]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Assert):
            yield from ((node, value, most) for value, most in _bounds(node))


def _outermost(tree: ast.AST) -> Iterator[ast.AST]:
    """Functions that stand in no other, with all that stands in them; and what stands in none."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.If | ast.With | ast.Try):
            yield from _outermost(node)
        else:
            yield node


def _bounds(assertion: ast.Assert) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Every value that is said to be smaller than something, with that."""
    filters = {
        id(filter_) for node in ast.walk(assertion) if isinstance(node, ast.comprehension) for filter_ in node.ifs
    }
    for node in ast.walk(assertion.test):
        if isinstance(node, ast.Compare) and id(node) not in filters:
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                if isinstance(operator, ast.Lt | ast.LtE):
                    yield left, right
                elif isinstance(operator, ast.Gt | ast.GtE):
                    yield right, left


class _Measured:
    """What is known of the names of a function, or of a module: which come of a clock, and which are plain numbers."""

    def __init__(self, scope: ast.AST, around: _Measured | None = None) -> None:
        self._names: set[str] = set(around._names) if around else set()
        self._offsets: set[str] = set()
        self._numbers: dict[str, float] = dict(around._numbers) if around else {}
        self._nano = any(isinstance(node, ast.Attribute) and node.attr.endswith("_ns") for node in ast.walk(scope))
        if around is None:
            self._names.update(_functions_that_measure(scope, self))
        assignments = list(_assignments(scope, whole=around is not None))
        for _ in assignments:  # until nothing more comes of it: each pass follows one step more
            before = len(self._names) + len(self._offsets) + len(self._numbers)
            for names, value in assignments:
                self._assign(names, value)
            if len(self._names) + len(self._offsets) + len(self._numbers) == before:
                break

    def is_tight(self, value: ast.expr, most: ast.expr) -> bool:
        if not self.is_measured(value):
            return False
        if self.is_measured(most):
            return self._has_offset(most)
        number = self._number(most)
        return number is None or number < PATIENCE * (1e9 if self._nano else 1)

    def is_measured(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and _last_name(node.func) in COUNTS:
            return False
        name = _last_name(node.func if isinstance(node, ast.Call) else node)
        if isinstance(node, ast.Call) and CLOCK.match(name):
            return True
        if name in self._names or DURATION.search(name):
            return True
        return any(map(self.is_measured, ast.iter_child_nodes(node)))

    def _assign(self, names: list[str], value: ast.expr) -> None:
        number = self._number(value)
        if number is not None and len(names) == 1:
            self._numbers[names[0]] = number
        if self.is_measured(value):
            self._names.update(names)
        if self.is_measured(value) and self._has_offset(value):
            self._offsets.update(names)

    def _has_offset(self, node: ast.AST) -> bool:
        """Whether it is something measured and a few seconds more."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in self._offsets:
                return True
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add):
                for one, other in ((inner.left, inner.right), (inner.right, inner.left)):
                    number = self._number(other)
                    if self.is_measured(one) and number is not None and number < PATIENCE:
                        return True
        return False

    def _number(self, node: ast.AST) -> float | None:
        """A number written out, or made of such and of names for such."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.Name):
            return self._numbers.get(node.id)
        if isinstance(node, ast.BinOp):
            left, right = self._number(node.left), self._number(node.right)
            return None if left is None or right is None else _calculated(node.op, left, right)
        return None


def _calculated(operator: ast.operator, left: float, right: float) -> float | None:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div() if right:
            return left / right
        case _:
            return None


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _functions_that_measure(module: ast.AST, measured: _Measured) -> Iterator[str]:
    """The module's functions that give back what comes of a clock."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = _Measured(node, measured)
            given = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return | ast.Yield)]
            if any(inside.is_measured(value) for value in given if value is not None):
                yield node.name


def _assignments(scope: ast.AST, *, whole: bool) -> Iterator[tuple[list[str], ast.expr]]:
    """What is given to which names: by assignment, in a loop, or into a collection."""
    for node in ast.walk(scope) if whole else ast.iter_child_nodes(scope):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _unpacked(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
                yield from _unpacked(target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _unpacked(target, value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                yield _names(target), value
            case ast.comprehension(target=target, iter=value):
                yield _names(target), value
            case ast.Call(func=ast.Attribute(value=collection, attr=attr), args=args) if attr in KEEPERS:
                yield from ((_names(collection), argument) for argument in args)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[list[str], ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, given in zip(target.elts, value.elts, strict=True):
            yield from _unpacked(one, given)
    else:
        yield _names(target), value


def _names(target: ast.expr) -> list[str]:
    """The variables of a target; of an attribute, its name."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _names(element)]
    return [name] if (name := _last_name(target)) else []
