"""The model reads what the author wrote, in whichever of the three styles."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent.application.tools.docstrings import Described, read_docstring

CASES = int(os.environ.get("TEST_CASES", "100"))

GOOGLE = """Get the weather.

    Only for cities, not for regions.

    Args:
        city: The city to query,
            in English.
        days (int): How many days.

    Returns:
        A sentence.

    Raises:
        ValueError: no such city.
    """
NUMPY = """Get the weather.

    Only for cities, not for regions.

    Parameters
    ----------
    city : str
        The city to query,
        in English.
    days : int, optional
        How many days.

    Returns
    -------
    str
        A sentence.
    """
SPHINX = """Get the weather.

    Only for cities, not for regions.

    :param city: The city to query,
        in English.
    :param int days: How many days.
    :returns: A sentence.
    :raises ValueError: no such city.
    """


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_each_style_is_taken_apart(doc: str) -> None:
    assert read_docstring(doc) == Described(
        "Get the weather.\n\nOnly for cities, not for regions.",
        {"city": "The city to query, in English.", "days": "How many days."},
    )


@pytest.mark.parametrize("doc", ["", "Get it.", "Get it: now.\n\nNote this: it is `quick`.\n\n- a\n- b: c"])
def test_a_text_without_sections_is_all_description(doc: str) -> None:
    assert read_docstring(doc) == Described(doc)


PLAIN = {"city": "The city.", "days": "How many."}


@pytest.mark.parametrize(
    "doc",
    [
        "Forecast.\nArgs:\n    city: The city.\n    days: How many.",
        "Args:\n    city: The city.\n    days: How many.",
        "Args:\n        city: The city.\n        days: How many.\n    ",
        "\n    Args:\n        city: The city.\n        days: How many.\n    ",
        "Forecast.\n\nArgs:\n\n    city: The city.\n    days: How many.",
        "Forecast.\n\nArgs:\n  city: The city.\n\n  days: How many.",
        "Forecast.\n\nNote:\n    Cached.\nArgs:\n    city: The city.\n    days: How many.",
        "Forecast.\nArgs:\n    city: The city.\n    days: How many.\nReturns:\n    It.\nRaises:\n    KeyError: no.",
        "Forecast.\n\tArgs:\n\t\tcity: The city.\n\t\tdays: How many.",
        "Forecast.\nArgs:\n    city (str): The city.\n    days (Optional[dict[str, int]], optional): How many.",
        "Forecast.\nargs:\n    city: The city.\n    days: How many.",
        "Forecast.\n\n**Args:**\n    - city: The city.\n    - `days` (int) : How many.",
        "Forecast.\n\nArgs :\n    city - The city.\n    days -- How many.",
        "Forecast.\n\nParameters:\n    city:\n        The city.\n    days:\n        How many.",
        "Forecast.\nExample:\n    ```\n    Args:\n        x: y\n    ```\nArgs:\n"
        "    city: The city.\n    days: How many.",
        "Forecast.\nParameters\n----------\ncity : str\n    The city.\ndays\n    How many.",
        "Parameters\n----------\ncity : str\n    The city.\ndays : int\n    How many.",
        "Forecast.\n:param str city: The city.\n:param days: How many.\n:type days: int",
        "Forecast.\n@param city: The city.\n@param days: How many.\n@return: a sentence",
    ],
)
def test_parameters_are_found_however_the_section_is_laid_out(doc: str) -> None:
    described = read_docstring(doc)
    assert described.parameters == PLAIN
    assert described.text in ("", "Forecast.")


@pytest.mark.parametrize("more", ["", "\n\nReturns:\n    Text."])
def test_a_section_of_arguments_without_entries_stays_in_the_description(more: str) -> None:
    described = read_docstring(f"Get it.\n\nArgs:\n    Whatever the source takes.{more}")
    assert described.text.endswith("Whatever the source takes.")
    assert not described.parameters


def test_indentation_is_not_part_of_it() -> None:
    assert read_docstring("Get it.\n\n    More of it:\n        this.\n    ").text == "Get it.\n\nMore of it:\n    this."
    assert read_docstring("\n    Get it.\n\n    More of it.\n    ").text == "Get it.\n\nMore of it."


parts = st.sampled_from(
    [
        "Args:\n",
        "Parameters\n----------\n",
        ":param x: ",
        "    x: y\n",
        "x : int\n",
        "\n",
        "Returns:\n",
        "::",
        "    ",
        "a",
        "*",
        ">>> x",
    ]
)


@settings(max_examples=CASES, deadline=None)
@given(st.lists(parts | st.text(max_size=8), max_size=15).map("".join))
def test_no_docstring_is_too_strange(doc: str) -> None:
    described = read_docstring(doc)
    assert isinstance(described.text, str)
    assert all(isinstance(meaning, str) for meaning in described.parameters.values())
