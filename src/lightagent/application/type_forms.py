"""Whether what is given as a type can be one, and whether a value is of a type, as far as a run can tell."""

from __future__ import annotations

from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NewType, Union, get_args, get_origin

from typing_extensions import TypeAliasType, is_protocol, is_typeddict

from lightagent.domain.errors import ConfigurationError

_FUNCTIONS: Final = (FunctionType, BuiltinFunctionType, MethodType, partial)
_VALUES: Final = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset)


def check_form(form: object, option: str) -> None:
    """Raise where something was given that is obviously no type: None, a text, a function or another plain value.

    Args:
        option: which takes the type, for the text of an error.

    Raises:
        ConfigurationError: it is not a type.
    """
    if isinstance(form, type):
        return
    if form is None:
        raise ConfigurationError(f"{option}: None is not a type.", guidance="Leave it out, or pass a type.")
    if isinstance(form, str):
        raise ConfigurationError(
            f"{option}: {form!r:.80} is a text, not a type.", guidance="Pass the type itself, without quotes."
        )
    if isinstance(form, _FUNCTIONS):
        raise ConfigurationError(f"{option}: {form!r:.80} is a function, not a type.", guidance="Pass a type.")
    if isinstance(form, _VALUES):
        raise ConfigurationError(f"{option}: {form!r:.80} is a value, not a type.", guidance="Pass a type.")


def is_of_type(value: object, form: object) -> bool:
    """Whether a value is of a type.

    What only a type checker can tell, such as what a list or a dictionary holds, is taken to fit.
    """
    if form is object or form is Any:
        return True
    if form is None or form is NoneType:
        return value is None
    if isinstance(form, NewType):
        return is_of_type(value, form.__supertype__)
    if isinstance(form, TypeAliasType):
        return is_of_type(value, form.__value__)
    if is_typeddict(form):
        return isinstance(value, dict)
    if isinstance(form, type) and get_origin(form) is None:
        return _is_instance(value, form)
    return _is_of_parts(value, form)


def _is_of_parts(value: object, form: object) -> bool:
    """The same for a type that is made of others."""
    origin, parts = get_origin(form), get_args(form)
    if origin in (Union, UnionType):
        return any(is_of_type(value, part) for part in parts)
    if origin is Annotated:
        return is_of_type(value, parts[0])
    if origin is Literal:
        return value in parts
    if origin is not None:
        return is_of_type(value, origin)
    return value is not None


def _is_instance(value: object, form: type) -> bool:
    if is_protocol(form):
        return value is not None  # Who wrote the program has a checker for the rest.
    if form in (float, complex) and isinstance(value, (int, float)):
        return not isinstance(value, bool)  # To type checkers an int is a float.
    return isinstance(value, form)
