"""``lightagent skills``: list and check skills, without a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from lightagent.application.skills.manager import SkillManager
from lightagent.compose.configured.tools import open_skills
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.skills.documents import one_line
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.settings.origins import printable

skills_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Directories: TypeAlias = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[DIR]...", help="Directories of skills, or of a single one. If names occur twice, the last one counts."
    ),
]


@skills_app.command("list")
@guarded
def list_skills(
    directories: Directories = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the skills that agents may use. Problems with others are printed to standard error.

    Without DIR the skills of the settings are used: `[default.skills]`.

    **Examples**

    `lightagent skills list skills`

    `lightagent skills list skills ~/skills --json | jq '.[].name'`
    """
    manager = _manager(directories, config, profile, trust_config)
    skills = manager.discover_skills()
    if as_json:
        plain = [{**asdict(skill), "metadata": dict(skill.metadata)} for skill in skills]
        write_answer(json.dumps(plain, ensure_ascii=False, indent=2) + "\n")
    for skill in () if as_json else skills:
        out().print(printable(f"{skill.name} · {one_line(skill.description)}"), markup=False)
    for problem in manager.problems:
        if problem.level == "error" or not problem.line:
            err().print(printable(f"{problem.level}: {problem}"), style="yellow", markup=False)
    return ExitCode.COMPLETED


@skills_app.command()
@guarded
def check(
    directories: Directories = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Check skills, and print problems with file and line. Exit code: 1 if a skill cannot be used.

    **Examples**

    `lightagent skills check skills`

    `lightagent skills check my-skill --json`
    """
    manager = _manager(directories, config, profile, trust_config)
    skills = manager.discover_skills()
    problems = manager.problems
    if as_json:
        write_answer(json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=2) + "\n")
    else:
        err().print(f"{len(skills)} skills", markup=False)
    for problem in () if as_json else problems:
        out().print(printable(f"{problem.level} · {problem}"), markup=False)
    return ExitCode.FAILED if any(one.level == "error" for one in problems) else ExitCode.COMPLETED


def _manager(directories: list[Path] | None, config: Path | None, profile: str | None, trust: bool) -> SkillManager:
    """Return the skills of the directories, or else of the settings.

    Raises:
        ConfigurationError: no skills are named, or a directory does not exist.
    """
    for directory in directories or ():
        if not directory.is_dir():
            raise ConfigurationError(f"{directory}: the directory does not exist.", guidance="Check the path.")
    found = SkillManager(directories) if directories else open_skills(settings_for(config, profile, False, trust))
    if found is None:
        raise ConfigurationError(
            "No skills are configured.",
            guidance='Pass a directory, or add to lightagent.toml: [default.skills] with directories = ["skills"].',
        )
    return found
