"""What can be set of skills: the table ``[default.skills]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lightagent.settings.section import NEEDS_TRUST, Section


class SkillSettings(Section):
    """Skills that every agent of an app may use. A model follows their instructions, so a file has to be trusted."""

    directories: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Directories of skills, relative to this file; later ones take precedence."
    )
    untrusted_directories: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Directories of skills whose texts count as untrusted."
    )
