"""What the digest of a step's code tells, and what it is blind to."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

from lightagent.application.flow.canonical_trees import canonical_text
from lightagent.application.flow.code_digests import CODE_PREFIX, TREE_PREFIX, code_digest
from lightagent.application.flow.code_sources import find_code

ORIGINAL = """
def work(query, context):
    if query:
        return f"found {query!r:>10}" + "."
    return None
"""

BLIND_TO = {
    "a comment": ORIGINAL.replace("    if", "    # whether there is one\n    if"),
    "a blank line": ORIGINAL.replace("    return None", "\n\n    return None"),
    "a docstring": ORIGINAL.replace("    if", '    """It works."""\n    if'),
    "annotations": ORIGINAL.replace("(query, context)", "(query: str, context: object = ...) -> str").replace(
        ": object = ...", ": object"
    ),
    "its name": ORIGINAL.replace("work", "other_work"),
    "quotes": ORIGINAL.replace('"', "'"),
    "brackets": ORIGINAL.replace("return None", "return (None)"),
    "pieces of an f-string": ORIGINAL.replace('f"found {', '"fou" f"nd " f"{'),
}

SEES = {
    "another text": ORIGINAL.replace("found", "lost"),
    "another condition": ORIGINAL.replace("if query", "if not query"),
    "another format": ORIGINAL.replace(">10", "<10"),
    "another default": ORIGINAL.replace("context)", "context=3)"),
    "another order of parameters": ORIGINAL.replace("query, context", "context, query"),
    "a renamed variable": ORIGINAL.replace("query", "question"),
    "another type of constant": ORIGINAL.replace("None\n", "0\n"),
    "a coroutine": ORIGINAL.replace("def", "async def"),
}


def text_of(source: str) -> str:
    node = ast.parse(source).body[0]
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return canonical_text(node)


@pytest.mark.parametrize("case", BLIND_TO)
def test_what_has_no_effect_changes_nothing(case: str) -> None:
    assert text_of(BLIND_TO[case]) == text_of(ORIGINAL)


@pytest.mark.parametrize("case", SEES)
def test_what_has_an_effect_is_seen(case: str) -> None:
    assert text_of(SEES[case]) != text_of(ORIGINAL)


def test_the_canonical_text_is_the_same_in_every_version_of_python() -> None:
    """Digests are stored with runs. A change of this text would hold back every run that anybody has stored."""
    assert text_of(ORIGINAL) == (
        "FunctionDef(args=arguments(args=[arg(arg=str:'query';),arg(arg=str:'context';),])body=["
        "If(test=Name(id=str:'query';)body=[Return(value=BinOp(left=JoinedStr(values=[str:'found ';,"
        "FormattedValue(value=Name(id=str:'query';)conversion=int:0x72;"
        "format_spec=JoinedStr(values=[str:'>10';,])),])op=Add()right=str:'.';)),]),Return(value=NoneType:None;),])"
    )


def closing_over(held: object) -> Callable[[str], object]:
    def work(query: str) -> object:
        return query, held

    return work


def helper() -> int:
    return 1


class Secretive:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __call__(self, query: str) -> str:
        return query

    def method(self, query: str) -> str:
        return query + "."


def test_plain_values_that_a_closure_holds_are_seen() -> None:
    assert code_digest(closing_over(3)) == code_digest(closing_over(3))
    values = (3, 4, True, "3", None, (3,), (4,), frozenset((3,)), [3], {"a": 3}, helper, text_of)
    assert len({code_digest(closing_over(value)) for value in values}) == len(values)


def test_what_was_done_so_far_is_no_code() -> None:
    assert code_digest(closing_over([])) == code_digest(closing_over([1]))
    assert code_digest(closing_over({"a": 3})) == code_digest(closing_over({"a": 4}))

    def counting(count: int) -> Callable[[str], int]:
        def work(query: str) -> int:
            nonlocal count
            count += 1
            return count

        return work

    assert code_digest(counting(1)) == code_digest(counting(2))


def test_other_objects_that_a_closure_holds_count_by_their_type_alone() -> None:
    assert code_digest(closing_over(Secretive("a"))) == code_digest(closing_over(Secretive("b")))
    assert code_digest(closing_over(Secretive("a"))) != code_digest(closing_over(object()))


def test_lambdas_of_one_line_are_told_apart() -> None:
    works: list[Callable[[int], object]] = [lambda x: x + 1, lambda x: x + 2, lambda x: lambda: x + 3, lambda x: 4]
    digests = {code_digest(one) for one in (*works, works[2](0))}
    assert len(digests) == 5
    assert all(one.startswith(TREE_PREFIX) for one in digests)
    again = lambda x: x + 2  # noqa: E731
    assert code_digest(again) == code_digest(works[1])


def test_partials_methods_and_callable_objects() -> None:
    base = functools.partial(helper)
    assert code_digest(functools.partial(text_of, "a")) != code_digest(functools.partial(text_of, "b"))
    assert code_digest(functools.partial(text_of, source="a")) != code_digest(functools.partial(text_of, source="b"))
    assert code_digest(base) == code_digest(functools.partial(helper))
    assert code_digest(Secretive("a").method) == code_digest(Secretive("b").method)
    assert code_digest(Secretive("a")) == code_digest(Secretive("b"))
    assert code_digest(Secretive("a")) != code_digest(Secretive("a").method)
    assert code_digest(len) != code_digest(sorted)


def test_a_wrapping_decorator_counts_with_what_it_wraps() -> None:
    def wrapped(work: Callable[[], object]) -> Callable[[], object]:
        @functools.wraps(work)
        def wrapper() -> object:
            return work()

        return wrapper

    def one() -> object:
        return 1

    def two() -> object:
        return 2

    assert code_digest(wrapped(one)) == code_digest(wrapped(one))
    assert len({code_digest(work) for work in (one, two, wrapped(one), wrapped(two))}) == 4


def test_code_without_source_is_compared_by_this_version_alone() -> None:
    made: dict[str, FunctionType] = {}
    exec("def work(query): return query in {'a', 'b', 'c'}\ndef other(query): return 2", made)
    assert code_digest(made["work"]).startswith(CODE_PREFIX)
    assert code_digest(made["work"]) != code_digest(made["other"])
    # What closes over it, too.
    assert code_digest(closing_over(made["work"])).startswith(CODE_PREFIX)


def test_a_function_that_holds_itself_has_a_digest() -> None:
    def work(count: int) -> int:
        return work(count - 1) if count else 0

    assert code_digest(work) == code_digest(work)


def test_digests_are_the_same_in_another_process(tmp_path: Path) -> None:
    """Sets have another order there, and addresses are others."""
    program = tmp_path / "program.py"
    program.write_text(
        "from lightagent.application.flow.code_digests import code_digest\n"
        "def made(held):\n    return lambda query: (query, held, query in {'a', 'b', 'c'})\n"
        "made_of_text = {}\n"
        'exec(\'def work(query): return query in {1: 2} or query in {"a", "b", "c"}\', made_of_text)\n'
        "print(code_digest(made({'x', 'y', 'z'})), code_digest(made_of_text['work']), code_digest(made(object())))\n"
    )
    said = {
        subprocess.run(
            [sys.executable, str(program)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_a_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "steps.py"

    def declared(body: str) -> str:
        file.write_text(body)
        names: dict[str, FunctionType] = {}
        exec(compile(body, str(file), "exec"), names)
        return code_digest(names["work"])

    first = declared("def work():\n    return 1\n")
    assert declared("\n\ndef work():\n    return 1  # the same\n") == first
    assert declared("def work():\n    return 20\n") != first


def test_each_function_of_this_file_is_found() -> None:
    functions = [one for one in globals().values() if isinstance(one, FunctionType) and one.__module__ == __name__]
    assert functions
    for function in functions:
        node = find_code(function)
        assert isinstance(node, ast.FunctionDef)
        assert node.name == function.__name__
