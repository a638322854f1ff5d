"""The address of a server: a URL whose password is shown nowhere."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import Mask
from lightagent.domain.secrets.names import is_secret_name

_FORM: Final = "Write it as postgresql://user:password@host:5432/database, with special characters as %40 and the like."


class Address:
    """Where a server is, and how to prove who we are.

    Args:
        url: in libpq's form, ``postgresql://…`` or ``postgres://…``. What it leaves out comes from the environment
            (`PGPASSWORD`, `PGSSLMODE` and so on), a service file and ``~/.pgpass``.

    Raises:
        ConfigurationError: it has another form. The text does not repeat it.
    """

    __slots__ = ("_mask", "_shown", "url")

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise _malformed() from None
        if parts.scheme not in ("postgresql", "postgres") or "://" not in url:
            raise _malformed()
        # Where a password has an unescaped / or ? or #, the rest of it would be taken for a path and be shown.
        if "@" in parts.path + parts.query + parts.fragment or parts.fragment:
            raise _malformed()
        user_info, _, hosts = parts.netloc.rpartition("@")
        user, _, password = user_info.partition(":")
        query = parse_qsl(parts.query)
        self.url: str = url
        self._mask = Mask([unquote(password), *(value for name, value in query if is_secret_name(name))])
        places = ",".join([hosts] * bool(hosts) + [value for name, value in query if name == "host"])
        self._shown = f"{user}@{places}{parts.path}" if user else f"{places}{parts.path}"

    def __str__(self) -> str:
        return self._shown or "the default server"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def masked(self, text: str) -> str:
        """A text of the server or of libpq without the password."""
        return self._mask.text(text)


def _malformed() -> ConfigurationError:
    return ConfigurationError("The URL of the PostgreSQL server is not one that can be read.", guidance=_FORM)
