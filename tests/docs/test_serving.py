"""The page about serving says what the code does."""

from lightagent.application.serving.chat.fields import CHAT_FIELDS
from lightagent.application.serving.responses.fields import RESPONSE_FIELDS
from lightagent.entrypoints.serving.serve import ROUTES
from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs/serving.md").read_text(encoding="utf-8")


def test_every_field_of_a_chat_request_has_its_row() -> None:
    missing = [rule.name for rule in CHAT_FIELDS if f"| `{rule.name}` | {rule.treatment} | {rule.what} |\n" not in PAGE]
    assert not missing


def test_every_field_of_a_responses_request_has_its_row() -> None:
    rows = [f"| `{rule.name}` | {rule.treatment} | {rule.what} |\n" for rule in RESPONSE_FIELDS]
    assert not [row for row in rows if row not in PAGE.partition("## Responses")[2]]


def test_every_address_is_named() -> None:
    missing = [route.path for route in ROUTES if f"{route.method} {route.path.partition('{')[0]}" not in PAGE]
    assert not missing
