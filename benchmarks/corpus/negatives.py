"""What only looks private: numbers, codes and identifiers of two dozen kinds that no detector may take for more."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from faker import Faker
from stdnum import ean, isbn, isin, issn, luhn
from stdnum.iso7064 import mod_97_10

from corpus.samples import Value

_EACH: Final = 200
_UPPER: Final = string.ascii_uppercase
_Maker = Callable[[random.Random, Faker], str]


def _digits(chance: random.Random, size: int) -> str:
    return str(chance.randrange(1, 10)) + "".join(chance.choices(string.digits, k=size - 1))


def _one_of(chance: random.Random, *makers: Callable[[], str]) -> str:
    """What one of these makes."""
    return chance.choice(makers)()


def _epoch(chance: random.Random, faker: Faker) -> str:
    seconds = chance.randrange(1_000_000_000, 2_000_000_000)
    return chance.choice(
        (f"{seconds}", f"{seconds}{_digits(chance, 3)}", f"{seconds}.{_digits(chance, 6)}", f"{seconds}000000")
    )


def _uuid(chance: random.Random, faker: Faker) -> str:
    made = uuid.UUID(int=chance.getrandbits(128), version=4)
    return chance.choice((str(made), made.hex, str(made).upper()))


def _git_hash(chance: random.Random, faker: Faker) -> str:
    return hashlib.sha1(chance.randbytes(9), usedforsecurity=False).hexdigest()[: chance.choice((7, 10, 40))]


def _digest(chance: random.Random, faker: Faker) -> str:
    name = chance.choice(("md5", "sha256", "sha512"))
    digest = hashlib.new(name, chance.randbytes(9), usedforsecurity=False).hexdigest()
    return chance.choice((digest, f"{name}:{digest}"))


def _version(chance: random.Random, faker: Faker) -> str:
    numbers = ".".join(str(chance.randrange(0, 40)) for _ in range(chance.choice((2, 3, 3, 4))))
    return (
        chance.choice(("", "v", "lib@", "numpy==", "^", "node-", "1:"))
        + numbers
        + chance.choice(("", "", "-rc.1", "+b7", "a1"))
    )


def _date(chance: random.Random, faker: Faker) -> str:
    moment = faker.date_time(end_datetime=datetime(2026, 1, 1, tzinfo=UTC))
    forms = (
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%m/%d/%Y",
        "%Y%m%d",
        "%Y-%m-%d %H:%M:%S",
        "%Y%m%d%H%M%S",
        "%d-%m-%Y",
        "%Y-%m-%dT%H:%M:%S.%fZ",
    )
    return moment.strftime(chance.choice(forms))


def _order_number(chance: random.Random, faker: Faker) -> str:
    return _one_of(
        chance,
        lambda: f"{_digits(chance, 3)}-{_digits(chance, 7)}-{_digits(chance, 7)}",
        lambda: f"#{_digits(chance, 8)}",
        lambda: f"PO-{_digits(chance, 10)}",
        lambda: f"ORD{_digits(chance, 12)}",
        lambda: _digits(chance, chance.choice((8, 9, 10, 11, 12))),
        lambda: f"{chance.randrange(2015, 2030)}-{_digits(chance, 6)}",
    )


def _part_number(chance: random.Random, faker: Faker) -> str:
    return _one_of(
        chance,
        lambda: f"{''.join(chance.choices(_UPPER, k=3))}-{_digits(chance, 4)}-{_digits(chance, 2)}",
        lambda: f"{_digits(chance, 4)}-{_digits(chance, 4)}",
        lambda: f"{_digits(chance, 5)}-{_digits(chance, 3)}",
        lambda: f"{''.join(chance.choices(_UPPER, k=2))}{_digits(chance, 6)}{chance.choice(_UPPER)}",
        lambda: f"{_digits(chance, 3)}-{_digits(chance, 5)}-{chance.choice(_UPPER)}{_digits(chance, 2)}",
        lambda: f"{_digits(chance, 6)}.{_digits(chance, 3)}",
        lambda: f"{_digits(chance, 4)}-{chance.randrange(100):02}-{_digits(chance, 3)}-{_digits(chance, 4)}",
        lambda: f"{_digits(chance, 3)}-{_digits(chance, 3)}-{_digits(chance, 4)}",
        lambda: f"0{_digits(chance, 3)}-{_digits(chance, 4)}",
        lambda: f"{_digits(chance, 3)} {_digits(chance, 3)} {_digits(chance, 3)}",
        lambda: f"{_digits(chance, 8)}{chance.choice(_UPPER)}",
        lambda: f"{_digits(chance, 6)}-{_digits(chance, 4)}",
        lambda: f"{_digits(chance, 6)}-{_digits(chance, 7)}",
        lambda: f"{_digits(chance, 4)} {_digits(chance, 4)} {_digits(chance, 4)}",
    )


def _padded(chance: random.Random, faker: Faker) -> str:
    """A number with zeros before it, as machines write them."""
    return f"{chance.randrange(10 ** chance.randrange(4, 10)):0{chance.choice((8, 10, 12))}}"


def _base64(chance: random.Random, faker: Faker) -> str:
    encode = chance.choice((base64.b64encode, base64.urlsafe_b64encode))
    return encode(chance.randbytes(chance.randrange(12, 60))).decode()


def _snowflake(chance: random.Random, faker: Faker) -> str:
    return str((chance.randrange(10**11, 4 * 10**11) << 22) + chance.getrandbits(22))


def _isbn(chance: random.Random, faker: Faker) -> str:
    number = chance.choice((faker.isbn10, faker.isbn13))(separator=chance.choice(("", "-")))
    return number if isbn.is_valid(number) else isbn.format("9780306406157")


def _stdnum(chance: random.Random, faker: Faker) -> str:
    """Numbers with check digits of other systems, from python-stdnum."""
    return _one_of(
        chance,
        lambda: (body := f"{chance.choice((35, 86, 99))}{_digits(chance, 12)}") + luhn.calc_check_digit(body),
        lambda: (body := _digits(chance, 7)) + issn.calc_check_digit(body),
        lambda: (body := "US" + _digits(chance, 9)) + isin.calc_check_digit(body),
        lambda: (body := f"5493{_digits(chance, 14)}") + mod_97_10.calc_check_digits(body),
        lambda: (body := _digits(chance, 12)) + ean.calc_check_digit(body),
    )


def _amount(chance: random.Random, faker: Faker) -> str:
    number = chance.uniform(1, 10**9)
    return chance.choice(
        (
            f"{number:,.2f}",
            f"EUR {number:.2f}",
            f"{number:_.0f}",
            f"{number:.6f}",
            f"{number:e}",
            f"${number:,.0f}",
            f"{number:,.0f}".replace(",", " "),
        )
    )


def _address(chance: random.Random, faker: Faker) -> str:
    return _one_of(
        chance, faker.ipv4, faker.ipv6, faker.mac_address, lambda: f"{faker.ipv4()}:{chance.randrange(65536)}"
    )


def _coordinates(chance: random.Random, faker: Faker) -> str:
    return f"{faker.latitude()}, {faker.longitude()}"


def _ticket(chance: random.Random, faker: Faker) -> str:
    return f"{''.join(chance.choices(_UPPER, k=chance.randrange(2, 6)))}-{chance.randrange(1, 99999)}"


def _tracking(chance: random.Random, faker: Faker) -> str:
    return _one_of(
        chance,
        lambda: f"1Z{''.join(chance.choices(_UPPER + string.digits, k=16))}",
        lambda: f"{''.join(chance.choices(_UPPER, k=2))}{_digits(chance, 9)}{''.join(chance.choices(_UPPER, k=2))}",
        lambda: f"9400{_digits(chance, 18)}",
        lambda: f"JJD{_digits(chance, 18)}",
    )


def _wrong_card(chance: random.Random, faker: Faker) -> str:
    """A card with another check digit, as a typing error makes it."""
    number = faker.credit_card_number(chance.choice(("visa16", "mastercard", "amex")))
    return number[:-1] + str((int(number[-1]) + chance.randrange(1, 10)) % 10)


def _wrong_account(chance: random.Random, faker: Faker) -> str:
    """A bank account number with one other digit."""
    number = faker.iban()
    place = chance.choice([place for place in range(4, len(number)) if number[place].isdigit()])
    return number[:place] + str((int(number[place]) + chance.randrange(1, 10)) % 10) + number[place + 1 :]


def _web_address(chance: random.Random, faker: Faker) -> str:
    return _one_of(
        chance,
        faker.uri,
        lambda: f"https://{faker.domain_name()}:8443/a/{_digits(chance, 6)}?x={_digits(chance, 4)}#t",
        lambda: f"git@{faker.domain_word()}:team/app.git",
    )


def _program(chance: random.Random, faker: Faker) -> str:
    """Words of programs that stand where keys do."""
    return (
        chance.choice(
            (
                "sk-learn-contrib",
                'api_key = os.environ["API_KEY"]',
                "token=${CI_JOB_TOKEN}",
                "password: ****************",
                "SECRET=changeme-please-now",
                "the token is invalid_or_expired_token",
                'token: "<your-token-goes-here>"',
                "password = getpass.getpass('Password: ')",
                "key: cluster.routing.allocation.enable",
                "secret_name: projects-prod-database-main",
                "Bearer <access token of your account>",
                "data-test-key='list-item-of-the-sidebar'",
                "primary key (customer_identifier, order_identifier)",
                "tokenizer: AutoTokenizer.from_pretrained",
                "keyboard shortcut ctrl-alt-shift-k",
                "xoxb is the prefix of bot tokens",
            )
        )
        + f" # {chance.randrange(1_000)}"
    )


def _public_key(chance: random.Random, faker: Faker) -> str:
    encoding, formats = serialization.Encoding, serialization.PublicFormat
    public = ed25519.Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)).public_key()
    if chance.random() < 0.5:
        return public.public_bytes(encoding.OpenSSH, formats.OpenSSH).decode()
    return public.public_bytes(encoding.PEM, formats.SubjectPublicKeyInfo).decode()


def _measure(chance: random.Random, faker: Faker) -> str:
    return _one_of(
        chance,
        lambda: f"{chance.randrange(10, 999)} x {chance.randrange(10, 999)} x {chance.randrange(10, 999)} mm",
        lambda: f"{chance.randrange(100)}-{chance.randrange(100)}, {chance.randrange(100)}-{chance.randrange(100)}",
        lambda: f"pages {chance.randrange(100, 500)}-{chance.randrange(500, 999)}",
        lambda: f"{chance.randrange(1900, 2020)}-{chance.randrange(2020, 2030)}",
        lambda: (
            f"{chance.randrange(1, 9)}.{chance.randrange(1, 30)}.{chance.randrange(1, 30)}.{chance.randrange(1, 9)}"
        ),
        lambda: " ".join(str(chance.randrange(1, 60)) for _ in range(6)),
        lambda: f"{chance.randrange(10, 60)}° {chance.randrange(10, 60)} min {chance.randrange(10, 60)} s",
    )


def _postal_code(chance: random.Random, faker: Faker) -> str:
    return chance.choice(
        (
            f"{_digits(chance, 5)}-{_digits(chance, 4)}",
            f"D-{_digits(chance, 5)} {faker.city()}",
            f"{_digits(chance, 5)} {faker.city()}, {faker.state_abbr()} {_digits(chance, 5)}",
        )
    )


def _doi(chance: random.Random, faker: Faker) -> str:
    return chance.choice(
        (
            f"10.{_digits(chance, 4)}/{faker.domain_word()}.{_digits(chance, 7)}",
            f"arXiv:{_digits(chance, 4)}.{_digits(chance, 5)}v2",
            f"PMID {_digits(chance, 8)}",
        )
    )


def _handle(chance: random.Random, faker: Faker) -> str:
    return chance.choice(
        (
            f"@{faker.user_name()}",
            f"@{faker.domain_word()}/{faker.user_name()}@{chance.randrange(9)}.{chance.randrange(9)}.0",
            f"{faker.user_name()}@{faker.domain_word()}",
            f"@app.route('/{faker.user_name()}')",
        )
    )


KINDS: Final[Mapping[str, _Maker]] = {
    "epoch time": _epoch,
    "UUID": _uuid,
    "git hash": _git_hash,
    "digest": _digest,
    "version": _version,
    "date": _date,
    "order number": _order_number,
    "part number": _part_number,
    "padded number": _padded,
    "base64": _base64,
    "snowflake id": _snowflake,
    "ISBN": _isbn,
    "IMEI, ISSN, ISIN, LEI, EAN": _stdnum,
    "amount": _amount,
    "network address": _address,
    "coordinates": _coordinates,
    "ticket": _ticket,
    "tracking number": _tracking,
    "card with a wrong digit": _wrong_card,
    "account with a wrong digit": _wrong_account,
    "web address": _web_address,
    "words of programs": _program,
    "public key": _public_key,
    "measure or range": _measure,
    "postal code": _postal_code,
    "DOI or arXiv": _doi,
    "handle": _handle,
}
"""How each kind is made."""


def negatives(seed: int) -> Iterator[Value]:
    """All of them, each once."""
    chance, faker = random.Random(seed), Faker()
    faker.seed_instance(seed)
    yield from dict.fromkeys(
        Value(make(chance, faker), kind, "line") for kind, make in KINDS.items() for _ in range(_EACH)
    )
