"""The books of a small company, in a SQLite file: invoices, people, and their leave. The tools of the service desk."""

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from lightagent import RetryTool, tool

SCHEMA = """
CREATE TABLE IF NOT EXISTS invoices (number TEXT PRIMARY KEY, vendor TEXT, amount INTEGER, paid INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, days_left INTEGER);
INSERT OR IGNORE INTO invoices (number, vendor, amount) VALUES
    ('A-17', 'Northwind', 1250), ('A-18', 'Contoso', 98000), ('A-19', 'Northwind', 640);
INSERT OR IGNORE INTO people VALUES ('Ann', 12), ('Bob', 1);
"""


class Books:
    """The file, and what may be done with it.

    Args:
        path: where it is; it is made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as database:
            database.executescript(SCHEMA)

    def rows(self, query: str, values: Sequence[str | int] = ()) -> list[tuple[object, ...]]:
        """What a query finds."""
        with self._opened() as database:
            return database.execute(query, values).fetchall()

    def change(self, statement: str, values: Sequence[str | int]) -> bool:
        """Whether the statement changed a row; it is one transaction."""
        with self._opened() as database:
            return database.execute(statement, values).rowcount > 0

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as database, database:
            yield database


def finance_tools(books: Books) -> list[Callable[..., object]]:
    """What the finance agent may do. A payment waits for a person, who sees what it is given."""

    @tool(idempotent=True)
    def find_invoices(vendor: str = "") -> str:
        """List invoices with number, vendor, amount in euros, and whether they are paid.

        Args:
            vendor: of this one alone; empty for all.
        """
        query = "SELECT number, vendor, amount, paid FROM invoices WHERE ? IN ('', vendor) ORDER BY number"
        found = books.rows(query, (vendor,))
        return (
            "\n".join(f"{no} {who} {sum_} EUR {'paid' if paid else 'open'}" for no, who, sum_, paid in found) or "none"
        )

    @tool(requires_approval=True, risk="high")
    def pay_invoice(number: str, vendor: str, amount: int) -> str:
        """Pay an open invoice, as it stands in the books.

        Args:
            number: of the invoice.
            vendor: who gets the money.
            amount: in euros.
        """
        statement = "UPDATE invoices SET paid = 1 WHERE number = ? AND vendor = ? AND amount = ? AND paid = 0"
        if not books.change(statement, (number, vendor, amount)):
            raise RetryTool("There is no such open invoice. Look it up with find_invoices.")
        return f"{amount} EUR paid to {vendor} for {number}"

    return [find_invoices, pay_invoice]


def hr_tools(books: Books) -> list[Callable[..., object]]:
    """What the HR agent may do."""

    @tool(idempotent=True)
    def leave_balance(name: str) -> str:
        """How many days of leave somebody has left.

        Args:
            name: whose.
        """
        found = books.rows("SELECT days_left FROM people WHERE name = ?", (name,))
        if not found:
            raise RetryTool("Nobody of this name works here.")
        return f"{name} has {found[0][0]} days left"

    @tool
    def book_leave(name: str, days: int) -> str:
        """Book leave for somebody who has enough of it left.

        Args:
            name: whose.
            days: how many.
        """
        if days < 1:
            raise RetryTool("Book one day at least.")
        statement = "UPDATE people SET days_left = days_left - ? WHERE name = ? AND days_left >= ?"
        if not books.change(statement, (days, name, days)):
            raise RetryTool(f"{name} does not have {days} days left.")
        return f"{days} days booked for {name}"

    return [leave_balance, book_leave]
