"""The read-path attacks of agent-memory-integrity, by its own runner: what docs/memory-security.md says of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pytest
from agmi.adapters.semantic_base import SemanticMemoryAdapter
from agmi.attacks.memory_specific import (
    ALL_MEMORY_ATTACKS,
    CHANNELS,
    CrossSessionBleedAttack,
    IndirectPromptInjectionAttack,
    MemoryAttackResult,
    MemoryInjectionAttack,
    MetadataPoisoningAttack,
    RetrievalHijackAttack,
    UpdatePoisoningAttack,
)

from tests.docs.blocks import ROOT
from tests.support.attacked_memory import PROTECTIONS, AttackedMemory


class Attack(Protocol):
    """An attack of the package."""

    def run(self, adapter: SemanticMemoryAdapter) -> MemoryAttackResult: ...


ATTACKS: Final[Sequence[Attack]] = (
    MemoryInjectionAttack(),
    CrossSessionBleedAttack(),
    RetrievalHijackAttack(),
    IndirectPromptInjectionAttack(),
    UpdatePoisoningAttack(),
    MetadataPoisoningAttack(),
)
"""In the order of the columns of the table."""

KEPT_OUT: Final = "kept out"
ALL_THREE: Final = "surfaced (all three, 5 of 5)"
WITHOUT_LABEL: Final = "surfaced (laundered and agent-laundered, 5 of 5)"
BY_THE_AGENT: Final = "surfaced (agent-laundered, 5 of 5)"

CELLS: Final = {
    "by default": [ALL_THREE, KEPT_OUT, "surfaced (all three, 4 of 5)", ALL_THREE, ALL_THREE, ALL_THREE],
    "`allowed_sources`": [
        WITHOUT_LABEL,
        KEPT_OUT,
        "surfaced (laundered and agent-laundered, 4 of 5)",
        WITHOUT_LABEL,
        WITHOUT_LABEL,
        WITHOUT_LABEL,
    ],
    "`allowed_sources`, sealed": [
        BY_THE_AGENT,
        KEPT_OUT,
        "surfaced (agent-laundered, 4 of 5)",
        BY_THE_AGENT,
        BY_THE_AGENT,
        BY_THE_AGENT,
    ],
    "`allowed_sources`, sealed, `reject_write_patterns`": [
        BY_THE_AGENT,
        KEPT_OUT,
        KEPT_OUT,
        KEPT_OUT,
        BY_THE_AGENT,
        BY_THE_AGENT,
    ],
}
"""By protection, for each attack."""


def cell(result: MemoryAttackResult) -> str:
    """Whether the attacker's memory was told, by which channels and in how many of five scenarios."""
    assert result.error is None, result.error
    surfaced = {channel: sum(told) for channel, told in result.channels.items() if any(told)}
    if not surfaced:
        return KEPT_OUT
    channels = "all three" if set(surfaced) == set(CHANNELS) else " and ".join(surfaced)
    return f"surfaced ({channels}, {max(surfaced.values())} of 5)"


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_what_is_kept_out_of_the_memories_that_a_model_is_told(tmp_path: Path, protection: str) -> None:
    adapter = AttackedMemory(tmp_path, protection)
    try:
        assert [cell(attack.run(adapter)) for attack in ATTACKS] == CELLS[protection]
    finally:
        adapter.close()


def test_the_documentation_says_the_same() -> None:
    text = (ROOT / "docs/memory-security.md").read_text(encoding="utf-8")
    assert {type(attack) for attack in ATTACKS} == set(ALL_MEMORY_ATTACKS)
    for protection, cells in CELLS.items():
        assert f"| lightagent, {protection} | measured | {' | '.join(cells)} |" in text
