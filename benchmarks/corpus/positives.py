"""What detectors shall find, from those who know it: phonenumbers, python-stdnum, presidio-evaluator and Faker.

Keys are made here by the forms that their services publish, since no package has examples of them.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

import phonenumbers
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from faker import Faker
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban, luhn, numdb

from corpus.samples import Value
from corpus.sentences import people

_ALPHABET: Final = string.ascii_letters + string.digits
_NATIONAL: Final = ("US", "CN", "FR", "GB", "DE", "JP", "BR", "IN")


def positives(seed: int) -> Iterator[Value]:
    """All of them, each once."""
    chance, faker = random.Random(seed), Faker()
    faker.seed_instance(seed)
    made = (
        *(_international_phones(), _national_phones(), _emails(), _cards(chance, faker), _ibans(chance)),
        *(_identities(chance), _keys(chance), _private_keys(chance), _url_passwords(chance), _secrets(chance)),
    )
    yield from dict.fromkeys(value for values in made for value in values)


def _examples(region: str, types: tuple[int, ...]) -> Iterator[phonenumbers.PhoneNumber]:
    for kind in types:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            yield number


def _international_phones() -> Iterator[Value]:
    types = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for number in _examples(region, types):
            for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL):
                yield Value(phonenumbers.format_number(number, form), "phone", "phone")


def _national_phones() -> Iterator[Value]:
    for region in _NATIONAL:
        for number in _examples(region, (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)):
            text = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
            yield Value(text, f"phone_{region.lower()}", "phone")
    # Numbers of area codes that exist, in the form that is written there.
    chance = random.Random(1)
    for region in _NATIONAL:
        for number in _examples(region, (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE) * 40):
            digits = str(number.national_number)
            keep = chance.randrange(len(digits) // 2, len(digits) - 1)
            other = digits[:keep] + "".join(chance.choices(string.digits, k=len(digits) - keep))
            parsed = phonenumbers.parse(f"+{number.country_code}{other}")
            if phonenumbers.is_valid_number(parsed):
                text = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
                yield Value(text, f"phone_{region.lower()}", "phone")
    for person in people():
        if person["Country"] in _NATIONAL:
            yield Value(person["TelephoneNumber"], f"phone_{person['Country'].lower()}", "phone")


def _emails() -> Iterator[Value]:
    for person in people()[::4]:
        yield Value(person["EmailAddress"], "email", "email")


def _cards(chance: random.Random, faker: Faker) -> Iterator[Value]:
    for card_type in ("amex", "diners", "discover", "jcb16", "maestro", "mastercard", "visa13", "visa16", "visa19"):
        for _ in range(120):
            digits = faker.credit_card_number(card_type)
            if not luhn.is_valid(digits):
                raise SystemExit(f"Faker made a card whose check digit is wrong: {digits}")
            sizes = (4, 6, 9) if len(digits) in (14, 15) else (4,) * 5
            yield Value(_grouped(digits, sizes, chance.choice(("", " ", "-"))), "card", "card")


def _ibans(chance: random.Random) -> Iterator[Value]:
    countries = numdb.get("iban")
    for country in sorted(prefix for _, _, prefix, _, _ in countries.prefixes if len(prefix) == 2):
        structure = countries.info(country + "00")[0][1].get("bban", "")
        for _ in range(10):
            body = "".join(_part(chance, part) for part in _PART.findall(structure))
            number = iban.calc_check_digits(f"{country}00{body}") if body else ""
            text = f"{country}{number}{body}"
            if number and iban.is_valid(text, check_country=False):
                yield Value(iban.format(text) if chance.random() < 0.5 else text, "iban", "iban")


def _part(chance: random.Random, part: tuple[str, str]) -> str:
    """A part of an account number: how many characters, and of which kind."""
    size, kind = part
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}
    return "".join(chance.choices(alphabets[kind], k=int(size)))


def _grouped(digits: str, sizes: tuple[int, ...], separator: str) -> str:
    groups, done = list[str](), 0
    for size in sizes:
        groups.append(digits[done : done + size])
        done += size
    return separator.join(group for group in (*groups, digits[done:]) if group)


_EACH: Final = 160
_PART: Final = re.compile(r"(\d+)!?([nac])")

_IDENTITIES: Final[Mapping[str, tuple[str, str]]] = {
    "us_ssn": ("us.ssn", "ddd-dd-dddd"),
    "cn_id": ("cn.ric", "11010519yymmDDdddc"),
    "be_nn": ("be.nn", "yy.mm.DD-ddd.dd"),
    "br_cpf": ("br.cpf", "ddd.ddd.ddd-dd"),
    "ch_ahv": ("ch.ssn", "756.dddd.dddd.dd"),
    "de_idnr": ("de.idnr", "ddddddddddd"),
    "es_id": ("es.dni", "ddddddddA"),
    "fi_hetu": ("fi.hetu", "DDmmyy-dddA"),
    "fr_nir": ("fr.nir", "1 yy mm 75 ddd ddd dd"),
    "in_aadhaar": ("in_.aadhaar", "dddd dddd dddd"),
    "it_cf": ("it.codicefiscale", "BBBBBByyMDDHdddA"),
    "kr_rrn": ("kr.rrn", "yymmDD-1dddddd"),
    "mx_curp": ("mx.curp", "BEBByymmDDHDFBBBdd"),
    "no_fnr": ("no.fodselsnummer", "DDmmyyddddd"),
    "pl_pesel": ("pl.pesel", "yymmDDddddd"),
    "se_pn": ("se.personnummer", "yymmDD-dddd"),
}
"""By kind: the module of python-stdnum, and the form in which the number is written."""


def _identities(chance: random.Random) -> Iterator[Value]:
    for kind, (name, form) in _IDENTITIES.items():
        module = import_module(f"stdnum.{name}")
        for _ in range(_EACH):
            yield Value(_valid(chance, module, form), kind, "identity")


def _valid(chance: random.Random, module: ModuleType, form: str) -> str:
    """A number of this form that python-stdnum takes for valid."""
    while True:
        made = form
        for name, most in (("yy", 99), ("mm", 12), ("DD", 28)):
            made = made.replace(name, f"{chance.randint(1, most):02}")
        alphabets = {"d": string.digits, "A": string.ascii_uppercase, "c": f"{string.digits}X", "B": "BCFGLNPQRSTVZ"}
        alphabets["M"] = "ABCDEHLMPRST"
        made = "".join(chance.choice(alphabets.get(one, one)) for one in made)
        if module.is_valid(made):
            return made


def _keys(chance: random.Random) -> Iterator[Value]:
    def some(alphabet: str, size: int) -> str:
        return "".join(chance.choices(alphabet, k=size))

    url_safe, lower = _ALPHABET + "-_", string.ascii_lowercase + string.digits
    hexadecimal = "0123456789abcdef"
    services: tuple[Callable[[], str], ...] = (
        lambda: "AKIA" + some(string.ascii_uppercase + "234567", 16),
        lambda: "ASIA" + some(string.ascii_uppercase + "234567", 16),
        lambda: "AIza" + some(url_safe, 34) + some(_ALPHABET, 1),
        lambda: "ghp_" + some(_ALPHABET, 36),
        lambda: "gho_" + some(_ALPHABET, 36),
        lambda: "github_pat_" + some(_ALPHABET, 22) + "_" + some(_ALPHABET, 59),
        lambda: "glpat-" + some(url_safe, 19) + some(_ALPHABET, 1),
        lambda: f"xoxb-{some(string.digits, 12)}-{some(string.digits, 13)}-{some(_ALPHABET, 24)}",
        lambda: f"xapp-1-A{some(string.ascii_uppercase, 10)}-{some(string.digits, 13)}-{some(hexadecimal, 64)}",
        lambda: "sk_live_" + some(_ALPHABET, 24),
        lambda: "rk_test_" + some(_ALPHABET, 24),
        lambda: "hf_" + some(string.ascii_letters, 34),
        lambda: "npm_" + some(_ALPHABET, 36),
        lambda: "pypi-AgEIcHlwaS5vcmc" + some(url_safe, 150) + some(_ALPHABET, 1),
        lambda: "dop_v1_" + some(hexadecimal, 64),
        lambda: f"SG.{some(_ALPHABET, 22)}.{some(_ALPHABET, 43)}",
        lambda: "shpat_" + some(hexadecimal, 32),
        lambda: "gsk_" + some(_ALPHABET, 52),
        lambda: "nvapi-" + some(_ALPHABET, 64),
        lambda: f"{some('123456789', 1)}{some(string.digits, 9)}:AA{some(url_safe, 32)}{some(_ALPHABET, 1)}",
    )
    for service in services:
        for _ in range(12):
            yield Value(service(), "cloud_key", "key")
    for prefix in ("sk-", "sk-proj-", "sk-ant-api03-", "sk-or-v1-"):
        for _ in range(50):
            alphabet = hexadecimal if prefix == "sk-or-v1-" else _ALPHABET
            yield Value(prefix + some(alphabet, 48 if prefix == "sk-" else 64), "api_key", "key")
    for algorithm in ("HS256", "RS256", "ES256", "none", "EdDSA"):
        for number in range(30):
            header = {"alg": algorithm, "typ": "JWT"} if number % 2 else {"typ": "JWT", "alg": algorithm, "kid": "k1"}
            claims = {"sub": some(lower, 8), "iat": chance.randrange(10**9), "admin": True}
            parts = [_base64(json.dumps(one, separators=(",", ":")).encode()) for one in (header, claims)]
            yield Value(".".join([*parts, _base64(chance.randbytes(32))]), "jwt", "key")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _private_keys(chance: random.Random) -> Iterator[Value]:
    """Keys of the `cryptography` package in the forms in which they are stored."""
    formats = serialization.PrivateFormat
    for number in range(140):
        curve: ec.EllipticCurve = ec.SECP256R1() if number % 2 else ec.SECP384R1()
        form = (formats.PKCS8, formats.TraditionalOpenSSL, formats.OpenSSH)[number % 3]
        key = ec.derive_private_key(chance.getrandbits(250), curve)
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        yield Value(pem.decode().rstrip("\n"), "private_key", "block", f"private key {number}")


def _url_passwords(chance: random.Random) -> Iterator[Value]:
    for _ in range(120):
        password = "".join(chance.choices(_ALPHABET + "-_.!$", k=chance.randrange(6, 24)))
        yield Value(password, "url_password", "url")


def _secrets(chance: random.Random) -> Iterator[Value]:
    for _ in range(200):
        alphabet = chance.choice((_ALPHABET, "0123456789abcdef", _ALPHABET + "+/"))
        yield Value("".join(chance.choices(alphabet, k=chance.randrange(20, 65))), "secret", "named_key")
