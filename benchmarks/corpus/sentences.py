"""Sentences with places for values: presidio-evaluator's templates, and lines of programs, logs and letters."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from faker import Faker

from corpus.samples import Half, Label, Sample, Value, half_of

_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")

PRIVATE_PLACES: Final[Mapping[str, str]] = {
    "credit_card_number": "card",
    "email": "email",
    "iban": "iban",
    "phone_number": "phone",
    "ssn": "identity",
}
"""The places of the templates that take something private, by the sentences that have one."""

_OWN: Final[Mapping[str, Sequence[str]]] = {
    "key": (
        "export SERVICE_CREDENTIAL={{key}}",
        "The deployment failed with {{key}}, please rotate it.",
        '{"credential": "{{key}}", "retries": 3}',
        "curl -H 'X-Auth: {{key}}' https://api.example.com/v1/items",
        "I pasted {{key}} into the chat by mistake",
        "auth = '{{key}}'  # remove before the release",
        "Use {{key}} for staging and ask Zoe for the other one.",
        "2026-03-01 12:00:00 ERROR refused: {{key}}",
        "- name: CREDENTIAL\n  value: {{key}}\n",
        "Is {{key}} still valid?",
        "({{key}})",
        "client = Client('{{key}}', timeout=30)",
    ),
    "named_key": (
        "password: {{key}}",
        'api_key = "{{key}}"',
        "SECRET={{key}}",
        '{"token": "{{key}}"}',
        "Authorization: Bearer {{key}}",
        "The password is {{key}} and it expires on Monday.",
        "client_secret={{key}}&grant_type=client_credentials",
        "access_token: '{{key}}'",
        "db.password={{key}}",
        "my new passwd is {{key}}",
    ),
    "url": (
        "DATABASE_URL=postgres://app:{{key}}@db.example.com:5432/app",
        "Clone https://app:{{key}}@git.example.com/team/app.git first.",
        "amqp://app:{{key}}@10.0.0.5/vhost is down",
        'redis = connect("redis://app:{{key}}@cache:6379/0")',
        "mongodb+srv://app:{{key}}@cluster0.example.net/test?retryWrites=true",
        "See ftp://app:{{key}}@files.example.org/",
    ),
    "block": (
        "Here is the file:\n{{key}}\nThat is all.",
        "{{key}}",
        "cat > server.pem <<EOF\n{{key}}\nEOF\n",
        "tls:\n  key: |\n{{key}}\n",
    ),
    "line": (
        "Build {{value}} finished.",
        "See {{value}} for the details.",
        "The reference is {{value}}, as far as I know.",
        '{"id": "{{value}}", "count": 2}',
        "| 17 | {{value}} | open |",
        "2026-03-01T12:00:00Z INFO handled {{value}} in 12 ms",
        "ref={{value}};state=done",
        "I found {{value}} in the log. What does it mean?",
        "Please look up {{value}} in the catalogue and order two.",
        "- {{value}}\n- something else\n",
        "({{value}})",
        "It says “{{value}}” on the label.",
        "value: {{value}}",
        "Compare {{value}} with the one of last week.",
        "name,reference,amount\nbolt,{{value}},12.50\n",
        "GET /items/{{value}} 200",
    ),
}


@cache
def _raw() -> Path:
    found = find_spec("presidio_evaluator")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("The templates are missing. Type: pip install --no-deps presidio-evaluator")
    return Path(found.submodule_search_locations[0]) / "data_generator/raw_data"


@cache
def people() -> Sequence[Mapping[str, str]]:
    """The invented people of 30 countries that presidio-evaluator ships."""
    with (_raw() / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@cache
def _templates() -> Mapping[str, Sequence[str]]:
    """The templates with one private place, by its name; and those that have none, as ``harmless``."""
    lines = (_raw() / "templates.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    found: dict[str, list[str]] = {name: [] for name in (*PRIVATE_PLACES.values(), "harmless")}
    for line in dict.fromkeys(lines):
        private = [name for name in _PLACE.findall(line) if name in PRIVATE_PLACES]
        if len(private) <= 1 and "driver_license" not in line:
            found[PRIVATE_PLACES[private[0]] if private else "harmless"].append(line)
    return found


def _choices(name: str, half: Half) -> list[str]:
    """The sentences of a half; where presidio-evaluator has few of a name, those of phone numbers and cards, too."""
    if name in _OWN:
        return [one for one in _OWN[name] if half_of(one) == half]
    further = {"iban": "card", "identity": "card", "email": "phone"}.get(name)
    names = (name,) if further is None else (name, further)
    return [one for each in names for one in _templates()[each] if half_of(one) == half]


class Writer:
    """Puts values into the sentences of one half.

    Args:
        seed: what decides about all that chance decides.
    """

    def __init__(self, half: Half, seed: int) -> None:
        self._half: Half = half
        self._chance = random.Random(f"{half}{seed}")
        self._faker = Faker(["en_US", "en_GB", "de_DE", "fr_FR"])
        self._faker.seed_instance(seed)

    def write(self, value: Value, *, private: bool) -> Sample:
        """A sentence with the value in it."""
        template = self._chance.choice(_choices(value.sentences, self._half))
        text, labels, done = "", list[Label](), 0
        for place in _PLACE.finditer(template):
            text += template[done : place.start()]
            is_value = place[1] in PRIVATE_PLACES or place[1] in ("key", "value")
            filled = value.text if is_value else self._other(place[1])
            if is_value and private:
                labels.append(Label(len(text), len(text) + len(filled), value.kind))
            text += filled
            done = place.end()
        return Sample(text + template[done:], value.kind, tuple(labels))

    def harmless(self) -> Iterator[Sample]:
        """Every template that has nothing private, with names, addresses and dates in it."""
        for template in _templates()["harmless"]:
            if half_of(template) == self._half:
                yield Sample(_PLACE.sub(lambda place: self._other(place[1]), template), "sentence", ())

    def _other(self, name: str) -> str:
        """What is not private data in the sense of these detectors: names, addresses, dates."""
        faker, who = self._faker, self._chance.choice(people())
        made: Mapping[str, object] = {
            "address": f"{who['StreetAddress']}, {who['ZipCode']} {who['City']}",
            "person": f"{who['GivenName']} {who['Surname']}",
            "name": f"{who['GivenName']} {who['Surname']}",
            "city": who["City"],
            "country": who["CountryFull"],
            "organization": who["Company"],
            "job": who["Occupation"],
            "street_name": who["StreetAddress"],
            "zipcode": who["ZipCode"],
            "postcode": who["ZipCode"],
            "date_of_birth": who["Birthday"],
            "age": who["Age"],
            "building_number": self._chance.randrange(1, 2_000),
            "secondary_address": f"Apt. {self._chance.randrange(1, 999)}",
            "year": self._chance.randrange(1950, 2030),
            "ip_address": faker.ipv4(),
            "url": f"https://www.{who['Domain'].lower()}/",
            "date_time": faker.date_time(end_datetime=datetime(2026, 1, 1, tzinfo=UTC)).isoformat(" "),
            "day_of_week": faker.day_of_week(),
            "state_abbr": "CA",
            "nationality": "French",
            "nation_woman": "Frenchwoman",
            "nation_plural": "French",
        }
        if name in made:
            return str(made[name])
        if name.startswith("prefix"):
            return who["Title"]
        return who["Surname"] if name.startswith("last") else who["GivenName"]
