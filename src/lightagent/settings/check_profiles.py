"""Checks every profile of a file, not only the chosen one. Does not use the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightagent.adapters.prices import litellm_prices
from lightagent.application.openapi.load_document import is_address
from lightagent.domain.budgets.spending import model_names
from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.ports.models import ChatModel, KeyedModel
from lightagent.settings.backends import check_backend
from lightagent.settings.environment import PREFIX, PROFILE_VARIABLE
from lightagent.settings.load import read_settings
from lightagent.settings.mcp_servers import read_mcp
from lightagent.settings.openapi_services import OpenApiReading, read_openapi
from lightagent.settings.problems import Problem
from lightagent.settings.schema import Settings
from lightagent.settings.sections.budgets import compose_budget_settings
from lightagent.settings.sections.flow import flow_problems
from lightagent.settings.sections.telemetry import read_telemetry
from lightagent.settings.settings_file import ConfigFile


@dataclass(frozen=True, slots=True)
class ProfileCheck:
    """The result of checking one profile.

    Attributes:
        chosen: whether it is the chosen profile.
        problems: errors, which must be corrected before anything can be opened.
        notes: variables and packages that a profile which is not chosen may have on another machine.
    """

    profile: str
    chosen: bool
    settings: Settings | None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def check_profiles(file: ConfigFile | None, profile: str | None, environ: Mapping[str, str]) -> Iterator[ProfileCheck]:
    """Check the chosen profile with the environment, then every other one as it is in the file.

    Raises:
        ConfigurationError: the chosen profile does not exist.
    """
    chosen = profile or environ.get(PROFILE_VARIABLE) or "default"
    yield _check(file, chosen, True, environ)
    others = [name for name in file.profiles if name != chosen] if file else []
    # Variables override only the chosen profile, which was checked together with them.
    plain = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    for name in others:
        yield _check(file, name, False, plain)


def _check(file: ConfigFile | None, profile: str, chosen: bool, environ: Mapping[str, str]) -> ProfileCheck:
    reading = read_settings(file, profile, environ)
    if reading.settings is None:
        return ProfileCheck(profile, chosen, None, reading.problems)
    problems: list[Problem] = []
    notes: list[Problem] = []
    opened: dict[str, object] = {}
    for section in reading.settings.backends():
        check = check_backend(reading.settings, section, environ)
        opened[section] = check.opened
        unset = (*check.unset, *_missing_key(reading.settings, section, check.opened, environ))
        for problem in (*check.problems, *unset):
            elsewhere = problem in unset or problem.error is MissingExtraError
            (notes if elsewhere and not chosen else problems).append(problem)
    problems.extend(budget_problems(reading.settings, opened.get("model")))
    problems += learning_problems(reading.settings)
    problems += flow_problems(reading.settings.flow, reading.settings.provenance.place)
    problems += _tool_directory(reading.settings)
    problems += _skill_directories(reading.settings)
    servers = read_mcp(reading.settings, environ)
    problems += servers.problems
    (problems if chosen else notes).extend(servers.unset)
    notes.extend(servers.left_out.values())
    apis = read_openapi(reading.settings, environ)
    problems += apis.problems
    problems += _documents(reading.settings, apis)
    (problems if chosen else notes).extend(apis.unset)
    telemetry = read_telemetry(reading.settings.telemetry, reading.settings.provenance, environ)
    for problem in (*telemetry.problems, *telemetry.unset):
        elsewhere = problem in telemetry.unset or problem.error is MissingExtraError
        (notes if elsewhere and not chosen else problems).append(problem)
    return ProfileCheck(profile, chosen, reading.settings, tuple(problems), tuple(notes))


def _tool_directory(settings: Settings) -> Iterator[Problem]:
    """Report a tool directory that is missing or empty. Its files are not run: `lightagent tools check` does that."""
    directory = settings.tool_directory()
    if directory is None:
        return
    place = settings.provenance.place(("tools", "directory"))
    try:
        files = [path.name for path in directory.iterdir() if path.suffix == ".py"]
    except OSError as exc:
        yield Problem(place, f"The directory cannot be read: {exc.strerror}.", "Name one that exists.")
        return
    if not files:
        yield Problem(place, "The directory contains no tools.", "A tool NAME is in the file NAME.py.")


def _skill_directories(settings: Settings) -> Iterator[Problem]:
    """Report missing skill directories. Problems of the skills are reported by `lightagent skills check`."""
    names = ("directories", "untrusted_directories")
    for name, directories in zip(names, settings.skill_directories(), strict=True):
        place = settings.provenance.place(("skills", name))
        for directory in directories:
            if not directory.is_dir():
                yield Problem(place, f"{directory} is not a directory.", "Name one that exists.")


def _documents(settings: Settings, apis: OpenApiReading) -> Iterator[Problem]:
    """Report missing documents. They are not read: `lightagent doctor` does that."""
    for service in apis.services:
        document = service.document
        if isinstance(document, str) and not is_address(document) and not Path(document).is_file():
            place = settings.provenance.place(("openapi", service.name, "document"))
            yield Problem(
                place, f"The file {document[:300]} does not exist.", "Name an OpenAPI document, or its address."
            )


def _missing_key(settings: Settings, section: str, opened: object, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Report a missing key, without which the backend opens but fails at its first request."""
    if isinstance(opened, KeyedModel) and (missing := opened.missing_key(environ)):
        remedy = 'Set the variable of its key (openai: OPENAI_API_KEY), or another: api_key = { env = "NAME" }.'
        if "api_key =" in missing:  # The message names the option already.
            remedy = ""
        yield Problem(settings.provenance.place((section,)), missing, remedy)


def budget_problems(settings: Settings, model: object) -> Iterator[Problem]:
    """Yield the problems of the table of budgets, including missing prices.

    Args:
        model: the chat model that the settings configure, if it could be opened.
    """
    place = settings.provenance.place(("budgets",))
    try:
        budgets = compose_budget_settings(settings.budgets, None)
    except ConfigurationError as error:
        yield Problem(place, error.message, error.guidance)
        return
    if budgets is None or not budgets.costs:
        return
    prices = litellm_prices() if budgets.prices is None else budgets.prices
    if prices is None:
        yield Problem(
            place,
            "The cost is limited, but prices are missing.",
            "Add tables [default.budgets.prices.MODEL], or install lightagent[litellm], which has prices.",
        )
    elif isinstance(model, ChatModel) and prices.find(*model_names(model.name)) is None:
        yield Problem(
            place,
            f"The cost is limited, but the price table lacks the model {model.name!r:.100}.",
            f'Add it: [default.budgets.prices."{model.name:.100}"] with input_per_million and output_per_million.',
        )


def learning_problems(settings: Settings, *, named: bool = False) -> Iterator[Problem]:
    """Yield what agents need to learn from their runs, and the settings lack.

    Args:
        named: whether the agent has a name that is not from the settings.
    """
    if not settings.self_learning.enabled:
        return
    place = settings.provenance.place(("self_learning", "enabled"))
    if settings.journals is None:
        remedy = 'Add [default.journals] with kind = "sqlite" and path = "journals.db".'
        yield Problem(place, "Learning needs a journal store, in which candidates for lessons are kept.", remedy)
    if settings.memory is None:
        remedy = 'Add [default.memory] with kind = "sqlite" and path = "memory.db".'
        yield Problem(place, "Learning needs a memory, in which lessons are kept.", remedy)
    if settings.agent.name is None and not named:
        remedy = 'Add [default.agent] with name = "…".'
        yield Problem(place, "Learning needs the name of the agent, by which its lessons are kept.", remedy)
