"""Budgets in settings: the table, the variables over it, what `config check` finds, and the agents that come of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent import BudgetLimits, ConfigurationError, JournalBudgetAccounts, ModelPrice, RateLimit
from lightagent.bootstrap import open_app
from lightagent.settings import load_settings
from lightagent.settings.check_profiles import check_profiles
from lightagent.settings.schema import SECTIONS
from lightagent.settings.settings_file import read_file

TRUSTED = {"LIGHTAGENT_TRUST_CONFIG": "1"}

FILE = """\
[default.model]
kind = "scripted"
name = "small"
replies = ["done", "done"]

[default.journals]
kind = "memory"

[default.budgets.tree]
model_calls = 20
cost = 0.5
seconds = 60
depth = 3

[default.budgets.run]
tool_calls = 1

[default.budgets.tenant]
name = "acme"
period = "day"
tokens = 1_000
requests_per_minute = 1
max_wait = 0.0

[default.budgets.prices.small]
input_per_million = 1
cache_write_per_million = 1.25
output_per_million = 2.5
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "lightagent.toml"
    path.write_text(FILE)
    return path


async def test_the_table_makes_the_budgets_of_agents(file: Path) -> None:
    async with open_app(load_settings(environ=TRUSTED)) as app:
        agent = app.agent()
        budgets = agent.means.budgets
        assert budgets is not None
        assert budgets.tree == BudgetLimits(model_calls=20, cost=0.5, seconds=60.0, depth=3)
        assert budgets.run == BudgetLimits(tool_calls=1)
        tenant = budgets.tenant
        assert tenant is not None
        assert (tenant.tenant, tenant.period, tenant.limits) == ("acme", "day", BudgetLimits(tokens=1_000))
        assert tenant.rate == RateLimit(requests=1, max_wait=0.0)
        assert budgets.prices is not None
        assert budgets.prices.find("small") == ModelPrice(1.0, 2.5, cache_write_per_million=1.25)
        assert isinstance(tenant.accounts, JournalBudgetAccounts)
        assert (await agent.arun("?", result_format="object")).success
        # Another agent of the app shares the account.
        short = await app.agent().arun("?", result_format="object")
        assert short.outcome.kind == "budget_exhausted"


def test_variables_go_over_the_table(file: Path) -> None:
    settings = load_settings(environ=TRUSTED | {"LIGHTAGENT__BUDGETS__TREE__MODEL_CALLS": "5"})
    assert settings.budgets.tree is not None
    assert settings.budgets.tree.model_calls == 5
    assert settings.budgets.tree.depth == 3


def test_without_a_table_there_are_no_budgets(file: Path) -> None:
    file.write_text('[default.model]\nkind = "offline"\n')
    with open_app(load_settings(environ=TRUSTED)) as app:
        assert app.agent().means.budgets is None


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[default.budgets.tree]\nmodel_cals = 1", "Did you mean 'model_calls' or"),
        (
            "[default.budgets.prices.m]\ninput_per_million = 1\noutput_per_million = 1\ncached_input_per_milion = 1",
            "Did you mean 'cached_input_per_million'",
        ),
        (
            '[default.budgets.prices.4]\ninput_per_million = "1"\noutput_per_million = 1',
            "It is: The price of a million tokens that are sent.",
        ),
        ("[default.budgets.tree]\nmodel_calls = -1", "greater than or equal to 0"),
        ('[default.budgets.tree]\ntokens = "many"', "valid integer"),
        ("[default.budgets.tenant]\nseconds = 1", "Unknown option 'seconds'."),
        ('[default.budgets.tenant]\ntokens = 1\nperiod = "year"', "'hour', 'day', 'month' or 'ever'"),
        ('[default.budgets.tenant]\nname = "acme"', "neither limits nor a rate"),
        ("[default.budgets.tree]\ncost = 1", "the price table lacks the model 'small'"),
        ("[default.budgets.tree]\ncost = 1\n[default.budgets.prices.small]\ninput_per_million = 1", "Field required"),
        ("[default.budgets.three]\ntokens = 1", "Did you mean 'tree'?"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(file: Path, table: str, problem: str) -> None:
    file.write_text(f'[default.model]\nkind = "scripted"\nname = "small"\nreplies = ["done"]\n{table}\n')
    [check] = check_profiles(read_file(file, SECTIONS), None, TRUSTED)
    [found] = check.problems
    assert problem in f"{found} {found.remedy}"
    assert "budgets" in found.place


def test_a_fallback_is_priced_by_the_names_of_its_models(file: Path) -> None:
    models = ", ".join(f'{{ kind = "scripted", name = "{name}", replies = ["done"] }}' for name in ("large", "small"))
    prices = "[default.budgets.prices.small]\ninput_per_million = 1\noutput_per_million = 2\n"
    limit = "[default.budgets.tree]\ncost = 1\n"
    file.write_text(f'[default.model]\nkind = "fallback"\nmodels = [{models}]\n{limit}{prices}')
    [check] = check_profiles(read_file(file, SECTIONS), None, TRUSTED)
    assert check.problems == ()
    with open_app(load_settings(environ=TRUSTED)) as app:
        assert app.agent().run("?", result_format="object").success


def test_an_app_with_a_table_that_does_not_fit_makes_no_agent(file: Path) -> None:
    file.write_text('[default.model]\nkind = "offline"\n[default.budgets.tenant]\nname = "acme"\n')
    with (
        open_app(load_settings(environ=TRUSTED)) as app,
        pytest.raises(ConfigurationError, match="neither limits nor a rate"),
    ):
        app.agent()
