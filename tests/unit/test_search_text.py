"""The terms of texts, and BM25: what is found, in which order, and at a bounded cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.text.search import (
    TextIndex,
    WeightedText,
    memory_terms,
    split_words,
    term_reader,
    terms_of,
    weigh,
)
from tests.support.costs import count_calls


def stem(word: str) -> str:
    """As plain as a stemmer can be."""
    return word.removesuffix("s")


def index_of(*texts: str) -> TextIndex:
    read = term_reader(stem)
    return TextIndex([weigh([WeightedText(text, 1.0)], read) for text in texts])


def places(index: TextIndex, query: str, limit: int = 10) -> list[int]:
    return [match.place for match in index.rank(terms_of(query, stem), limit)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("get_weather-forecast", ["get", "weather", "forecast"]),
        ("getHTTPUrl2", ["get", "http", "url", "2"]),
        ("HTTPServer", ["http", "server"]),
        ("GitHub.listPRs", ["git", "hub", "list", "p", "rs"]),
        ("user_ID", ["user", "id"]),
        ("SQL", ["sql"]),
        ("covid19", ["covid", "19"]),
        ("Movies_3_FindMovies", ["movies", "3", "find", "movies"]),
        ("naïve Straße ÉCOLE", ["naïve", "straße", "école"]),
        ("погода в Москве", ["погода", "в", "москве"]),
        ("天気予報を見る", ["天気", "気予", "予報", "報を", "を見", "見る"]),
        ("天気", ["天気"]),
        ("임진왜란에", ["임진", "진왜", "왜란", "란에"]),
        ("  \n\t", []),
        ("!?§$%&/()", []),
        ("e\u0301cole", ["école"]),
        ("getÉtatÜber", ["get", "état", "über"]),
        ("НайтиПогоду", ["найти", "погоду"]),
        ("用Python写代码", ["用", "python", "写代", "代码"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("\ud800 \x00", []),
    ],
)
def test_words_are_split_as_programmers_and_languages_write_them(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_words_that_say_nothing_are_no_terms() -> None:
    assert terms_of("Could you please tell me the times of the trains?", stem) == ["time", "train"]
    assert terms_of("room 42", stem) == ["room", "42"]
    assert terms_of("room 42", stem, numbers=False) == ["room"]


@given(st.text(max_size=200))
def test_a_reader_of_many_texts_reads_each_as_if_it_were_alone(text: str) -> None:
    read = term_reader(stem)
    assert list(read(text)) == list(read(text)) == terms_of(text, stem)


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    index = index_of("send mail", "send invoice", "send parcel", "print invoice")
    assert places(index, "send invoice") == [1, 3, 0, 2]


def test_a_word_that_is_found_often_counts_more_but_not_many_times_more() -> None:
    often, once = index_of("mail " * 20 + "x", "mail y").rank(["mail"], 2)
    assert (often.place, once.place) == (0, 1)
    assert often.score < 3 * once.score


def test_a_word_counts_more_in_a_short_text() -> None:
    assert places(index_of("mail " + "other words here " * 20, "mail other"), "mail") == [1, 0]


def test_alternatives_make_a_text_no_longer() -> None:
    read = term_reader(stem)
    short = weigh([WeightedText("mail", 1.0)], read)
    listed = weigh([WeightedText("mail", 1.0), WeightedText("red green blue " * 20, 0.5, is_prose=False)], read)
    first, second = TextIndex([listed, short]).rank(["mail"], 2)
    assert first.score == second.score
    assert first.place == 0, "equal ones stand in the order of the documents"


def test_weights_say_where_a_word_counts() -> None:
    read = term_reader(stem)
    in_name = weigh([WeightedText("mail", 2.0), WeightedText("letter", 1.0)], read)
    in_text = weigh([WeightedText("letter", 2.0), WeightedText("mail", 1.0)], read)
    assert [match.place for match in TextIndex([in_text, in_name]).rank(["mail"], 2)] == [1, 0]


def test_what_shares_no_word_is_left_out_and_no_more_are_given_than_asked_for() -> None:
    index = index_of("send mail", "send letters", "sing")
    assert places(index, "send a letter", limit=1) == [1]
    assert places(index, "send a letter") == [1, 0]
    assert places(index, "fly") == []
    assert places(index_of(), "fly") == []
    assert len(index) == 3


def test_a_word_that_a_query_repeats_counts_once() -> None:
    index = index_of("send mail", "print invoice")
    assert index.rank(["send", "send", "send"], 5) == index.rank(["send"], 5)


def test_a_query_of_any_length_looks_up_few_words() -> None:
    words = [
        f"word{letter}{other}" for letter in "abcdefghijklmnopqrstuvwxyz" for other in "abcdefghijklmnopqrstuvwxyz"
    ]
    index = index_of(*(f"{word} common" for word in words))
    long = [*words, "common"]
    assert count_calls(lambda: index.rank(long, 5)) < 2_500
    assert len(index.rank(long, 1_000)) == 64, "the rarest words decide"


def test_of_a_memory_as_long_as_a_book_the_beginning_is_read() -> None:
    assert memory_terms("first " + "word " * 40_000 + "last", stem).count("word") < 20_000
    assert {"first", "last"} & set(memory_terms("first " + "word " * 40_000 + "last", stem)) == {"first"}


@given(st.lists(st.text("abc ", max_size=12), max_size=8), st.text("abc ", max_size=12))
def test_every_document_that_shares_a_word_is_ranked_by_a_score_above_zero(texts: list[str], query: str) -> None:
    index = index_of(*texts)
    wanted = set(terms_of(query, stem))
    matches = index.rank(wanted, 100)
    assert {match.place for match in matches} == {
        place for place, text in enumerate(texts) if wanted & set(terms_of(text, stem))
    }
    scores = [match.score for match in matches]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)


def test_no_stemmer_is_asked_for_the_endings_of_east_asian_words() -> None:
    asked: list[str] = []

    def stem(word: str) -> str:
        asked.append(word)
        return word

    assert terms_of("我喜欢喝绿茶 カタカナ 고양이가 cafés", stem)[-1] == "cafés"
    assert asked == ["cafés"]
