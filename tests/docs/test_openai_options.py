"""An option of the adapter `openai` is declared once; keyword, settings key, check and documentation follow from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel, OpenAIOptions
from lightagent.adapters.chat.openai.options import Options
from lightagent.domain.errors import ConfigurationError
from tests.docs.openai_options import PAGE, with_table

NAMES = [option.name for option in fields(Options)]


def test_the_table_in_the_docs_is_what_is_declared() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "Type: python -m tests.docs.openai_options"


def test_every_option_is_a_keyword_of_the_model() -> None:
    assert [*inspect.signature(OpenAIChatModel).parameters] == NAMES


def test_every_option_but_a_client_object_is_a_settings_key() -> None:
    assert [*OpenAIOptions.model_fields] == [name for name in NAMES if name != "client"]


def test_settings_document_every_option() -> None:
    described = {name: field.description for name, field in OpenAIOptions.model_fields.items()}
    assert described == {
        option.name: option.metadata["description"] for option in fields(Options) if option.name != "client"
    }


def test_a_limit_is_checked_by_the_keyword_and_the_settings_key() -> None:
    with pytest.raises(ConfigurationError, match=r"idle_timeout must be above 0, got -1\."):
        OpenAIChatModel("m", idle_timeout=-1)
    with pytest.raises(ValueError, match="idle_timeout"):
        OpenAIOptions.model_validate({"model": "m", "idle_timeout": -1})


def test_an_unknown_keyword_is_refused_with_the_known_ones() -> None:
    make: Callable[..., OpenAIChatModel] = OpenAIChatModel
    with pytest.raises(TypeError, match=r"OpenAIChatModel\(\) has no option 'timeouts'; it has model, api_key, "):
        make("m", timeouts=1)
