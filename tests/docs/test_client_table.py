"""The table of clients says what the tests of the clients show."""

from tests.support.client_table import CLIENTS, PAGE, Client, faults, parts, shown, table


def test_every_cell_has_a_test_or_a_reason() -> None:
    assert faults(CLIENTS, shown()) == []
    assert shown().keys() <= {client.name for client in CLIENTS}


def test_the_table_is_what_the_tests_say() -> None:
    assert parts(PAGE.read_text(encoding="utf-8"))[1] == table(), "Type: python -m tests.support.client_table"


def test_a_cell_with_neither_or_both_is_a_fault() -> None:
    row = Client("some", "", "", "", "", lacks={"image": "text only", "approval": "none"})
    has = {"some": {"text", "reasoning", "tools", "usage", "error", "image"}}
    assert faults([row], has) == ["some: no test shows stop", "some: a test shows image, which the row lacks"]
