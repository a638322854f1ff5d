"""A group of commands that imports the module of a command when the command is used.

So a command starts in the time that its own imports take. Only `lightagent --help` imports all of them, since it lists
what each of them does.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from lightagent.entrypoints.cli.command_table import COMMANDS, CommandPlace, GroupPlace

if TYPE_CHECKING:
    from typer._click import Context  # What typer passes to its groups has no public name.


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`, of which only the one that is used is imported."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """Import the command of this name; None if there is none, and nothing like it."""
        if cmd_name in COMMANDS:
            return load_command(cmd_name)
        similar = get_close_matches(cmd_name, COMMANDS)
        if similar and not ctx.resilient_parsing:
            ctx.fail(f"No such command {cmd_name!r}. Did you mean {', '.join(map(repr, similar))}?")
        return None


@cache
def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import a command of the table, or a group with all of its commands.

    Raises:
        KeyError: the table has no such command.
    """
    place = COMMANDS[name]
    if isinstance(place, GroupPlace):
        group = get_group(_group(place))
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
    _add(alone, name, place)
    command = get_command(alone)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"{place.place} is not the function of a command.")
    return command


def _group(place: GroupPlace) -> typer.Typer:
    group = _load(place.place)
    if not isinstance(group, typer.Typer):
        raise TypeError(f"{place.place} is not a group of commands.")
    group.info.help = place.help
    for name, command in place.commands.items():
        _add(group, name, command)
    for name, nested in place.groups.items():
        group.add_typer(_group(nested), name=name, help=nested.help)
    return group


def _add(group: typer.Typer, name: str, place: CommandPlace) -> None:
    function = _load(place.place)
    if not callable(function):
        raise TypeError(f"{place.place} is not the function of a command.")
    settings = {"allow_extra_args": True} if place.extra_arguments else None
    group.command(name, context_settings=settings)(function)


def _load(place: str) -> object:
    module, _, name = place.partition(":")
    found: object = getattr(import_module(f"lightagent.entrypoints.cli.{module}"), name)
    return found
