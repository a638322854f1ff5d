"""Three tools to look into a repository and to calculate: plain typed functions, as any tool is.

Paths come from a model, so they are not trusted: nothing outside of the repository is reached, symbolic links are
refused, and what is read or listed is bounded.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_FILES = 200
MAX_LINES = 400
MAX_BYTES = 1_000_000
HIDDEN = {"__pycache__", "node_modules"}


def find_files(pattern: str, directory: str = ".") -> list[str]:
    """Find files by name in a directory of the repository and everything below it.

    Args:
        pattern: what the file names match, such as *.py or README*.
        directory: the directory to look in, relative to the repository.
    """
    folder = _inside(directory)
    if not folder.is_dir():
        raise NotADirectoryError(f"{directory} is no directory; give one relative to the repository, such as src.")
    found = sorted(path.relative_to(ROOT).as_posix() for path in _walk(folder) if path.match(pattern))
    left_out = [f"… and {len(found) - MAX_FILES} more; narrow the pattern."] if len(found) > MAX_FILES else []
    return found[:MAX_FILES] + left_out


def read_file(path: str, first_line: int = 1, lines: int = MAX_LINES) -> str:
    """Read a text file of the repository.

    Args:
        path: the file, relative to the repository.
        first_line: the first line to read, counted from 1.
        lines: how many lines to read at most.
    """
    file = _inside(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {path}; find_files tells which there are.")
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES:,} bytes.")
    text = file.read_text(encoding="utf-8", errors="replace").splitlines()
    start = max(first_line, 1) - 1
    end = start + min(max(lines, 1), MAX_LINES)
    rest = len(text) - end
    return "\n".join(text[start:end]) + (f"\n… {rest} more lines" if rest > 0 else "")


def calculate(expression: str) -> int | float:
    """Calculate an arithmetic expression.

    Args:
        expression: numbers, + - * / // % **, parentheses, and sqrt, abs, round, min, max.
    """
    if len(expression) > 500:
        raise ValueError("The expression is too long.")
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except SyntaxError:
        raise ValueError(f"{expression!r} is no arithmetic expression.") from None


def _inside(path: str) -> Path:
    """The path in the repository; refuses what leaves it, links and hidden files."""
    given = Path(path)
    relative = given.relative_to(ROOT) if given.is_relative_to(ROOT) else given
    if relative.is_absolute() or ".." in relative.parts:
        raise PermissionError(f"{path} is outside of the repository.")
    target = ROOT
    for part in relative.parts:
        target /= part
        if part.startswith(".") or target.is_symlink():
            raise PermissionError(f"{path} is hidden or a symbolic link, and not shown.")
    return target


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in HIDDEN or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


Number = int | float
BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def _round(value: Number, digits: Number = 0) -> Number:
    return round(value, min(max(int(digits), -15), 15)) if digits else round(value)


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "sqrt": math.sqrt,
    "abs": abs,
    "round": _round,
    "min": min,
    "max": max,
}
MAX_BITS = 4096


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("True and False are no numbers.")
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return _bounded(BINARY[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*map(_value, arguments))
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression.")


def _power(base: Number, exponent: Number) -> Number:
    """A power that cannot fill the memory: its size is known before it is computed."""
    if isinstance(base, int) and abs(exponent) * max(base.bit_length(), 1) > MAX_BITS:
        raise ValueError("The power is too large.")
    power = base**exponent
    if isinstance(power, complex):
        raise ValueError("The root of a negative number is no real number.")
    return float(power) if isinstance(power, float) else int(power)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ValueError("The number is too large.")
    return value
