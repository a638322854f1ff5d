"""Who calls: keys, and the users whom keys of chat interfaces name."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("joserfc", reason="the environment of openai 2 has no joserfc")

from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.applications import Starlette

from lightagent import CapabilityPolicy, CapabilityRule, LightAgent, Runs, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import KIND, KNOWN_SECONDS, AccessKeys
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.listen import require_keys
from lightagent.ports.models import ChatRequest
from lightagent.ports.tools import RunContext
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import AsgiCall, answer_to, chat, objects

CHAT = "/v1/chat/completions"
SECRET = "a secret that two servers share"


def whose(context: RunContext[object]) -> str:
    """Whose run this is."""
    return f"{context.tenant}/{context.user_id}"


def answer(request: ChatRequest) -> Reply:
    last = request.messages[-1]
    return str(last.content) if last.role == "tool" else call_tool("whose")


def made(store: MemoryJournalStore, **settings: object) -> Starlette:
    agents = [LightAgent(name=name, model=ScriptedModel(answer), tools=[whose]) for name in ("helper", "other")]
    return serve(agents, store=store, settings=ServeSettings.model_validate(settings))


async def ask(app: Starlette, key: str = "", *, model: str = "helper", user: str = "", **headers: str) -> AsgiCall:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        more["authorization"] = f"Bearer {key}"
    body = {**chat("Who am I?"), "model": model} | ({"user": user} if user else {})
    return await answer_to(app, CHAT, body, headers=more)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


async def test_a_key_says_whose_run_it_is_and_nothing_else_of_the_request_does() -> None:
    store = MemoryJournalStore()
    app = made(store)
    key, record = await AccessKeys(store, time.time).create("Ann", tenant="acme", user="ann")
    forged = {"X_OpenWebUI_User_Id": "bob", "X_OpenWebUI_Chat_Id": "c1"}
    told = await ask(app, key, user="bob", **forged)
    assert told.message["content"] == "acme/ann"
    assert record.digest not in key
    (info,) = [info async for info in Runs(store, tenant="acme").list("ann")]
    journal = await Runs(store, tenant="acme").journal(info.run_id, "ann")
    assert journal is not None
    assert (journal.started.scope, journal.started.run_group_id) == (Scope("acme", "ann"), "")


async def test_without_a_key_that_holds_nobody_comes_in() -> None:
    store = MemoryJournalStore()
    app = made(store)
    key, _ = await AccessKeys(store, time.time).create("Ann", tenant="acme", user="ann")
    for wrong in ("", "lak", key[:-1], key[:-1] + "~", key.upper(), "lak_" + "0" * 16 + key[20:], "é" * 64):
        refused = await ask(app, wrong.encode("ascii", "replace").decode())
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert key not in refused.body.decode()


async def test_a_key_that_is_known_is_found_revoked_in_seconds() -> None:
    store, clock = MemoryJournalStore(), Clock()
    here, elsewhere = AccessKeys(store, clock), AccessKeys(store, clock)
    key, record = await here.create("Ann", expires_in=3600)
    assert await here.caller(key) is not None
    await elsewhere.revoke(record.key_id)
    clock.now += KNOWN_SECONDS
    assert await here.caller(key) is None
    other, _ = await here.create("Bob", expires_in=3600)
    assert await here.caller(other) is not None
    clock.now += 3600
    assert await here.caller(other) is None


async def test_the_last_use_is_on_record_once_an_hour() -> None:
    store, clock = MemoryJournalStore(), Clock()
    keys = AccessKeys(store, clock)
    key, record = await keys.create("Ann")
    for seconds in (0, 10, 1000, 3600):
        clock.now += seconds
        await keys.caller(key)
    (listed,) = [one async for one in keys.list()]
    assert (listed.key_id, listed.last_used_at) == (record.key_id, clock.now)
    (stream,) = (await store.list(StreamQuery(kind=KIND))).streams
    assert stream.head == 3


async def test_a_key_sees_and_uses_its_agents_alone() -> None:
    store = MemoryJournalStore()
    app = made(store)
    key, _ = await AccessKeys(store, time.time).create(agents=["other"])
    assert (await ask(app, key, model="other")).status == 200
    hidden, missing = await ask(app, key), await ask(app, key, model="nobody")
    assert hidden.status == missing.status == 404
    assert hidden.json["error"] == objects([missing.json["error"]])[0] | {
        "message": "The model 'helper' does not exist."
    }
    listed = await answer_to(app, "/v1/models", method="GET", headers={"authorization": f"Bearer {key}"})
    assert [model["id"] for model in objects(listed.json["data"])] == ["other"]


async def test_a_delegating_key_names_the_user_by_header_or_body() -> None:
    store = MemoryJournalStore()
    app = made(store)
    key, _ = await AccessKeys(store, time.time).create(tenant="acme", delegating=True)
    assert (await ask(app, key, X_OpenWebUI_User_Id="ann")).message["content"] == "acme/ann"
    assert (await ask(app, key, user="bob")).message["content"] == "acme/bob"
    both = await ask(app, key, user="bob", X_OpenWebUI_User_Id="ann", X_OpenWebUI_Chat_Id="c1")
    assert both.message["content"] == "acme/ann"
    runs = Runs(store, tenant="acme")
    journals = [await runs.journal(info.run_id, "ann") async for info in runs.list("ann")]
    assert sorted(journal.started.run_group_id for journal in journals if journal is not None) == ["", "c1"]


async def test_users_with_long_names_are_told_apart_or_refused() -> None:
    store = MemoryJournalStore()
    app = made(store)
    key, _ = await AccessKeys(store, time.time).create(tenant="acme", delegating=True)
    for named in (await ask(app, key, user="x" * 257), await ask(app, key, X_OpenWebUI_User_Id="x" * 257)):
        assert (named.status, objects([named.json["error"]])[0]["param"]) == (400, "user")
    assert (await ask(app, key, user="x" * 256)).message["content"] == f"acme/{'x' * 256}"
    ann, _ = await AccessKeys(store, time.time).create(tenant="acme", user="ann")
    for dropped in ("x" * 257, ""):
        answered = await answer_to(app, CHAT, chat("Hi", user=dropped), headers={"authorization": f"Bearer {ann}"})
        assert answered.message["content"] == "acme/ann"


async def test_keys_hold_for_times_that_can_be_told_and_agents_that_have_names() -> None:
    keys = AccessKeys(MemoryJournalStore(), time.time)
    for seconds in (0.0, -1.0, float("nan"), float("inf"), 1e300):
        with pytest.raises(ConfigurationError, match="hundred years"):
            await keys.create(expires_in=seconds)
    with pytest.raises(ConfigurationError, match="name of an agent must not be empty"):
        await keys.create(agents=["helper", ""])
    assert [one async for one in keys.list()] == []


@pytest.mark.parametrize("secret", [SECRET, {"env": "SHARED"}])
async def test_where_a_secret_is_set_only_signed_users_count(secret: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARED", SECRET)
    store = MemoryJournalStore()
    app = made(store, user_jwt_secret=secret)
    key, _ = await AccessKeys(store, time.time).create(tenant="acme", delegating=True)
    signed = token({"sub": "ann", "exp": int(time.time()) + 300})
    told = await ask(app, key, user="bob", X_OpenWebUI_User_Id="bob", X_OpenWebUI_User_Jwt=signed)
    assert told.message["content"] == "acme/ann"
    for wrong in (
        "",
        "nonsense",
        token({"sub": "ann"}),
        token({"sub": "ann", "exp": int(time.time()) - 300}),
        token({"sub": "ann", "exp": int(time.time()) + 300}, secret="another secret of the same length"),
        token({"sub": "", "exp": int(time.time()) + 300}),
        token({"sub": ["ann"], "exp": int(time.time()) + 300}),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjk5OTk5OTk5OTl9.",
    ):
        assert (await ask(app, key, X_OpenWebUI_User_Id="bob", X_OpenWebUI_User_Jwt=wrong)).status == 401


def token(claims: dict[str, object], secret: str = SECRET) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret.encode()))


async def test_policies_see_the_tenant_and_the_user_of_the_key() -> None:
    store = MemoryJournalStore()
    policy = CapabilityPolicy([CapabilityRule("allow", tenants=["acme"], users=["ann"])])
    agent = LightAgent(name="helper", model=ScriptedModel(answer), tools=[whose], capabilities=policy)
    app = serve(agent, store=store)
    ann, _ = await AccessKeys(store, time.time).create(tenant="acme", user="ann")
    bob, _ = await AccessKeys(store, time.time).create(tenant="acme", user="bob")
    assert (await ask(app, ann)).message["content"] == "acme/ann"
    assert "acme/bob" not in (await ask(app, bob)).body.decode()


def test_elsewhere_than_on_this_machine_it_refuses_to_listen_without_keys() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.1.2.3"):
        require_keys(host, has_keys=False)
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org", ""):
        with pytest.raises(ConfigurationError, match="access keys are required"):
            require_keys(host, has_keys=False)
        require_keys(host, has_keys=True)


async def test_without_keys_it_answers_to_the_names_of_this_machine_alone() -> None:
    app = made(MemoryJournalStore())
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert (await ask(app, host=host)).status == 200
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "localhost@evil.example"):
        assert (await ask(app, host=host)).status == 421


@pytest.mark.parametrize("hosts", [[], ["chat.example.org"]])
async def test_probes_may_call_it_by_its_number(hosts: list[str]) -> None:
    app = made(MemoryJournalStore(), hosts=hosts)
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/v1/models", 421)):
        assert (await answer_to(app, path, method="GET", headers={"host": "10.1.2.3:8000"})).status == status


async def test_pages_of_strangers_may_not_call() -> None:
    app = made(MemoryJournalStore(), origins=["https://chat.example"])
    allowed = await ask(app, origin="https://chat.example")
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://chat.example")
    assert (await ask(app, origin="http://localhost", host="localhost")).status == 200
    for origin in ("https://evil.example", "null", "https://chat.example.evil.example", "http://localhost:81"):
        assert (await ask(app, origin=origin)).status == 403
