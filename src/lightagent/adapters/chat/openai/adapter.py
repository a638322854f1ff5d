"""The adapter `openai` as settings and `open_adapter` open it: `Options` as a pydantic model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, ClassVar, get_type_hints

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, create_model

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters._endpoints.endpoint import url_problem
from lightagent.adapters.chat.openai.model import OpenAIChatModel
from lightagent.adapters.chat.openai.options import Options
from lightagent.adapters.registry import Adapter


def _check_url(url: str | None) -> str | None:
    if url is not None and (problem := url_problem(url)) is not None:
        raise ValueError(problem)
    return url


_FORMS: dict[object, object] = {"secret": SecretStr | None, "url": Annotated[str | None, AfterValidator(_check_url)]}
"""The types of options in settings, where they differ from those in a program."""


class _CheckedOptions(BaseModel):
    """How to reach an OpenAI-compatible endpoint."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Show the options without the credentials in keys, headers and queries."""
        yield from shown_options(self)


def _definition(option: Field[object], declared: object) -> tuple[object, object]:
    """Return an option as `pydantic.create_model` expects it: its type, and its default with description and checks."""
    about = option.metadata
    default = ... if option.default is MISSING else option.default
    checks = pydantic.Field(
        default, description=about["description"], gt=about["above"], min_length=about["min_length"]
    )
    return _FORMS.get(about["form"], declared), checks


def _definitions() -> dict[str, Any]:  # `create_model` takes other keywords, too, so no narrower type fits.
    types = get_type_hints(Options, localns={"AsyncOpenAI": object})
    return {
        option.name: _definition(option, types[option.name])
        for option in fields(Options)
        if option.metadata["form"] != "object"
    }


OpenAIOptions: type[_CheckedOptions] = create_model(
    "OpenAIOptions", __base__=_CheckedOptions, __module__=__name__, **_definitions()
)
"""What settings may say."""


def open_model(options: _CheckedOptions) -> OpenAIChatModel:
    """Return the model that these options describe, without touching the network."""
    values = dict(options)
    key: object = values["api_key"]
    return OpenAIChatModel(**{**values, "api_key": key.get_secret_value() if isinstance(key, SecretStr) else None})


ADAPTER = Adapter(OpenAIOptions, open_model)
