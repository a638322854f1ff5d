"""A model's answer to a request for tools: names and code, checked before anything is saved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from lightagent.application.generated_tools.check_code import code_problems, name_problems

MOST_TOOLS: Final = 50
"""The maximum number of tools in one answer."""

_MOST_TOLD: Final = 20
_FENCED: Final = re.compile(r"```[^\n`]{0,20}\n(.*\n)```", re.DOTALL)


class WrittenTool(BaseModel):
    """One tool as a model wrote it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    name: str = Field(
        description="The name of the function, of the tool and of its file.",
        validation_alias=AliasChoices("name", "tool_name"),
    )
    code: str = Field(
        description="The whole text of the Python file.", validation_alias=AliasChoices("code", "tool_code")
    )

    @field_validator("code")
    @classmethod
    def _without_fence(cls, code: str) -> str:
        """Return the code without a surrounding Markdown fence, with the line endings of Python files."""
        code = code.replace("\r\n", "\n")
        fenced = _FENCED.fullmatch(code.strip())
        return fenced[1] if fenced else code


class WrittenTools(BaseModel):
    """All tools of one answer.

    A list of tools, or a single one, is taken as well. What is wrong with any of them goes back to the model.
    """

    tools: list[WrittenTool] = Field(min_length=1, max_length=MOST_TOOLS)

    @model_validator(mode="before")
    @classmethod
    def _of_other_forms(cls, given: object) -> object:
        if isinstance(given, list):
            return {"tools": given}
        if isinstance(given, dict) and "tools" not in given and ({"name", "tool_name"} & given.keys()):
            return {"tools": [given]}
        return given

    @model_validator(mode="after")
    def _are_sound(self) -> WrittenTools:
        problems = [*_problems(self.tools)]
        if problems:
            raise ValueError("; ".join(problems[:_MOST_TOLD]))
        return self


def _problems(tools: list[WrittenTool]) -> Iterator[str]:
    for name, times in Counter(tool.name.lower() for tool in tools).items():
        if times > 1:  # On case-insensitive file systems, both would be one file.
            yield f"there are {times} tools {name[:80]!r}"
    for tool in tools:
        found = [*name_problems(tool.name)]
        yield from found
        if not found:
            yield from (f"{tool.name}: {problem}" for problem in code_problems(tool.name, tool.code))
