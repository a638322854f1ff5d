"""Recall in Chinese, Japanese and Korean, where no space or no stemmer tells words apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.ports.memory import MemoryStore
from lightagent.testing.contracts.memory_store.base import memory, recalled

PEOPLE = ("小明", "李华", "王芳", "张伟", "陈静", "刘洋", "赵敏", "孙丽", "周杰", "吴刚")
# What is remembered of a person, and how it is asked for. The words in common have two characters.
FACTS = (
    ("{}养了一只猫、名叫{}。", "{}的猫叫什么名字"),
    ("{}的生日在{}。", "{}什么时候过生日"),
    ("{}在{}的一家医院工作。", "{}在哪里的医院上班"),
    ("{}对{}过敏、不能吃。", "{}对什么食物过敏"),
    ("{}最喜欢的水果是{}。", "{}爱吃哪种水果"),
    ("{}每周末去{}爬山。", "{}周末在哪儿爬山"),
    ("{}的妹妹在{}读大学。", "{}妹妹的大学在哪个城市"),
    ("{}上个月买了一辆{}汽车。", "{}的汽车是什么颜色"),
    ("{}正在学{}语。", "{}在学哪国的语言"),
    ("{}家的密码箱放在{}。", "{}的密码箱在什么地方"),
    ("{}去年去{}旅行。", "{}去年的旅行去了哪里"),
    ("{}的手机坏了、换成{}的。", "{}换了什么牌子的手机"),
    ("{}的老师姓{}。", "{}的老师姓什么"),
    ("{}晚上听{}音乐。", "{}晚上听哪种音乐"),
    ("{}的咖啡要加{}。", "{}喝咖啡要加什么"),
    ("{}住在{}路。", "{}住在哪条路"),
    ("{}的航班{}起飞。", "{}的航班几点起飞"),
    ("{}捐款给{}。", "{}捐款给了谁"),
    ("{}的血型是{}型。", "{}是什么血型"),
    ("{}跑步时穿{}鞋。", "{}跑步穿什么鞋"),
)
VALUES = ("北京", "上海", "红色", "花生", "苹果", "三月", "法国", "左边", "牛奶", "八点")

OTHERS = (
    ("私の犬の名前はポチです。", "犬の名前は何ですか"),
    ("来週の金曜日に京都へ出張します。", "出張はいつですか"),
    ("母は東京の病院で働いています。", "母はどこの病院ですか"),
    ("コーヒーには牛乳を入れます。", "コーヒーに何を入れますか"),
    ("저는 서울에서 변호사로 일합니다.", "서울에서 무슨 일을 해요?"),
    ("우리 고양이는 이름이 나비예요.", "고양이 이름이 뭐예요?"),
    ("회의는 매주 월요일에 있습니다.", "회의가 무슨 요일에 있나요?"),
    ("저는 땅콩 알레르기가 있어요.", "무슨 알레르기가 있나요?"),
)


def facts() -> list[tuple[str, str]]:
    """Two hundred memories in Chinese, and a question for each."""
    pairs = list(product(range(len(FACTS)), range(len(PEOPLE))))
    return [
        (FACTS[fact][0].format(PEOPLE[who], VALUES[(fact + who) % len(VALUES)]), FACTS[fact][1].format(PEOPLE[who]))
        for fact, who in pairs
    ]


@pytest.mark.parametrize("kind", ["process", "sqlite"])
@pytest.mark.parametrize(("asked", "least"), [(facts(), 0.97), (OTHERS, 1.0)], ids=["chinese", "japanese and korean"])
def test_what_was_said_is_found(tmp_path: Path, kind: str, asked: Sequence[tuple[str, str]], least: float) -> None:
    async def story(store: MemoryStore) -> float:
        # Far apart in time, so that each memory is found by itself.
        await store.write([memory(f"m{place}", text, at=place * 1e5) for place, (text, _) in enumerate(asked)])
        first = [(await recalled(store, question, limit=1)) == [text] for text, question in asked]
        await store.aclose()
        return sum(first) / len(first)

    store = InProcessMemory() if kind == "process" else SqliteMemory(tmp_path / "memory.db")
    assert asyncio.run(story(store)) >= least


def test_a_word_of_two_characters_is_enough(tmp_path: Path) -> None:
    async def story() -> None:
        store = SqliteMemory(tmp_path / "memory.db")
        await store.write([memory("m1", "我喜欢喝绿茶"), memory("m2", "他住在上海", at=1e6)])
        assert await recalled(store, "绿茶") == ["我喜欢喝绿茶"]
        assert await recalled(store, "上海") == ["他住在上海"]
        assert await recalled(store, "咖啡") == []
        await store.aclose()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("저는 차를 좋아해요.", "차"),
        ("매일 아침 개와 산책해요.", "개는 언제?"),
        ("어제 산 책을 읽었어요.", "무슨 책?"),
        ("銀座１２３番地に住んでいます。", "123"),
        ("会社は㈱ＡＢＣです。", "abc"),
        ("ｶﾀｶﾅの名前はタマです。", "カタカナ"),
        ("お茶が好きです。", "茶"),
    ],
)
def test_words_of_one_character_and_other_forms_of_it_are_found(tmp_path: Path, text: str, query: str) -> None:
    async def story() -> None:
        store = SqliteMemory(tmp_path / "memory.db", nearby=0)
        await store.write([memory("m1", text), memory("m2", "다른 것이 있습니다."), memory("m3", "別のことです。")])
        assert await recalled(store, query) == [text]
        await store.aclose()

    asyncio.run(story())
