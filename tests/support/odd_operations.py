"""Operations that OpenAPI allows and few tools expect: what each call has to send, or why it is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightagent.domain.json_types import JsonObject, JsonValue

OK: JsonObject = {"200": {"description": "Fine.", "content": {"application/json": {"schema": {"type": "object"}}}}}
TEXT: JsonObject = {"type": "string"}
NUMBERS: JsonObject = {"type": "array", "items": {"type": "integer"}}
COLOUR: JsonObject = {"type": "object", "properties": {"r": {"type": "integer"}, "g": {"type": "integer"}}}


@dataclass(frozen=True)
class Odd:
    """One operation.

    Attributes:
        written: as the document has it; shared: what stands beside it under its path.
        name: as a model calls it; empty where that is not looked at.
        given: the arguments of the call.
        target: the target of the request that has to be sent; empty where the operation is refused.
        headers, content: what else has to be sent; None for no body.
        wrong: arguments that have to be refused before anything is sent.
        reason: why the operation is refused.
    """

    path: str
    written: JsonObject
    method: str = "get"
    name: str = ""
    given: JsonObject = field(default_factory=dict)
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    content: str | None = None
    wrong: tuple[JsonObject, ...] = ()
    reason: str = ""
    shared: JsonObject = field(default_factory=dict)


def param(name: str, place: str, schema: JsonObject = TEXT, **more: JsonValue) -> JsonObject:
    needed: JsonObject = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, "schema": schema, **needed, **more}


def takes(*parameters: JsonObject, **more: JsonValue) -> JsonObject:
    return {"parameters": [*parameters], "responses": OK, **more}


def body(schema: JsonValue, media_type: str = "application/json", **more: JsonValue) -> JsonObject:
    return {"required": True, "content": {media_type: {"schema": schema, **more}}}


def ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


COMPONENTS: JsonObject = {
    "schemas": {
        "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": ref("Tree")}}, "required": []},
        "Pet": {
            "type": "object",
            "properties": {
                "id": {"type": "integer", "readOnly": True},
                "name": {"type": "string"},
                "secret": {"type": "string", "writeOnly": True},
            },
            "required": ["id", "name"],
        },
        "Loop": ref("Loop"),
    },
    "parameters": {
        "Page": param("page", "query", {"type": "integer"}),
        "Circle": {"$ref": "#/components/parameters/Circle"},
    },
    "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "api_key"}},
}

SAME = param("id", "path"), param("id", "query"), param("id", "header"), param("id", "cookie")

OF_3_0: dict[str, Odd] = {
    "no id": Odd("/no-id", takes(), name="get_no-id", target="/no-id"),
    "an empty id": Odd(
        "/empty/{x}", takes(param("x", "path"), operationId=""), name="get_empty_x", given={"x": "1"}, target="/empty/1"
    ),
    "one of equal ids": Odd("/same-1", takes(operationId="same"), name="same_fef32904", target="/same-1"),
    "the other of equal ids": Odd("/same-2", takes(operationId="same"), name="same_4a2d07ca", target="/same-2"),
    "an id like another": Odd("/alike-1", takes(operationId="a/b"), target="/alike-1"),
    "another id like it": Odd("/alike-2", takes(operationId="a b"), target="/alike-2"),
    "an id in Japanese": Odd("/jp", takes(operationId="注文を見る"), name="get_jp", target="/jp"),
    "a very long id": Odd("/long", takes(operationId="x" * 200), target="/long"),
    "one name in five places": Odd(
        "/five/{id}",
        takes(*SAME, requestBody=body({"type": "object", "properties": {"id": TEXT}})),
        "post",
        given={"id_in_path": "p", "id_in_query": "q", "id_in_header": "h", "id_in_cookie": "c", "body": {"id": "b"}},
        target="/five/p?id=q",
        headers={"id": "h", "cookie": "id=c", "content-type": "application/json"},
        content='{"id":"b"}',
    ),
    "a parameter that is called body": Odd(
        "/body",
        takes(param("body", "query"), requestBody=body(TEXT)),
        "post",
        given={"body_in_query": "q", "body": "b"},
        target="/body?body=q",
        content='"b"',
    ),
    "a parameter with a slash in its name": Odd(
        "/named/{a/b}/{c}",
        takes(param("a/b", "path"), param("c", "path")),
        given={"a_b": "v/w", "c": "z"},
        target="/named/v%2Fw/z",
    ),
    "a text in another charset": Odd(
        "/latin",
        takes(requestBody=body(TEXT, "text/plain; charset=latin-1; format=flowed")),
        "post",
        given={"body": "é"},
        target="/latin",
        headers={"content-type": "text/plain; format=flowed; charset=utf-8"},
        content="é",
    ),
    "a path value that leads elsewhere": Odd(
        "/paths/{x}/end",
        takes(param("x", "path")),
        given={"x": "../a?b#c/%2e%2e\\é"},
        target="/paths/..%2Fa%3Fb%23c%2F%252e%252e%5C%C3%A9/end",
        wrong=({"x": ".."}, {"x": "."}, {"x": ""}, {"x": 5}, {}),
    ),
    "two values in one segment": Odd(
        "/files/{name}.{ext}",
        takes(param("name", "path"), param("ext", "path")),
        given={"name": "a/b", "ext": "md"},
        target="/files/a%2Fb.md",
        wrong=({"name": "", "ext": ""},),
    ),
    "a label that explodes": Odd(
        "/label/{x}",
        takes(param("x", "path", NUMBERS, style="label", explode=True)),
        given={"x": [1, 2]},
        target="/label/.1.2",
    ),
    "a matrix of an object": Odd(
        "/matrix/{c}",
        takes(param("c", "path", COLOUR, style="matrix", explode=True)),
        given={"c": {"r": 1, "g": 2}},
        target="/matrix/;r=1;g=2",
    ),
    "an object in a path": Odd(
        "/obj/{c}", takes(param("c", "path", COLOUR)), given={"c": {"r": 1, "g": 2}}, target="/obj/r,1,g,2"
    ),
    "a form that explodes": Odd(
        "/form", takes(param("x", "query", NUMBERS)), given={"x": [1, 2]}, target="/form?x=1&x=2"
    ),
    "a form that does not": Odd(
        "/joined",
        takes(param("x", "query", {"type": "array", "items": TEXT}, explode=False)),
        given={"x": ["a,b", "c"]},
        target="/joined?x=a%2Cb,c",
    ),
    "between spaces": Odd(
        "/spaces",
        takes(param("x", "query", NUMBERS, style="spaceDelimited", explode=False)),
        given={"x": [1, 2]},
        target="/spaces?x=1%202",
    ),
    "between pipes": Odd(
        "/pipes",
        takes(param("x", "query", NUMBERS, style="pipeDelimited", explode=False)),
        given={"x": [1, 2]},
        target="/pipes?x=1%7C2",
    ),
    "a deep object": Odd(
        "/deep",
        takes(param("f", "query", COLOUR, style="deepObject", explode=True)),
        given={"f": {"r": 1}},
        target="/deep?f%5Br%5D=1",
    ),
    "reserved signs": Odd(
        "/reserved",
        takes(param("x", "query", allowReserved=True)),
        given={"x": "a/b?c&d=e#f"},
        target="/reserved?x=a/b?c%26d%3De%23f",
    ),
    "JSON in a query": Odd(
        "/json",
        takes({"name": "x", "in": "query", "content": {"application/json": {"schema": COLOUR}}}),
        given={"x": {"r": 1}},
        target="/json?x=%7B%22r%22%3A1%7D",
        wrong=({"x": {"r": "red"}},),
    ),
    "brackets in a name": Odd(
        "/brackets",
        takes(param("filter[name]", "query")),
        given={"filter_name": "x"},
        target="/brackets?filter%5Bname%5D=x",
    ),
    "a header with a list": Odd(
        "/header",
        takes(param("X-Ids", "header", NUMBERS)),
        given={"X-Ids": [1, 2]},
        target="/header",
        headers={"x-ids": "1,2"},
    ),
    "a header of two lines": Odd(
        "/lines",
        takes(param("X-Name", "header")),
        given={"X-Name": "ä"},
        target="/lines",
        wrong=({"X-Name": "a\r\nX-Admin: 1"}, {"X-Name": "注"}),
    ),
    "headers that an operation may not set": Odd(
        "/who",
        takes(param("Authorization", "header"), param("Accept", "header"), param("Host", "header")),
        target="/who",
        wrong=({"Authorization": "x"}, {"Host": "evil"}),
    ),
    "a cookie that ends another": Odd(
        "/cookie",
        takes(param("c", "cookie")),
        given={"c": "a; admin=1"},
        target="/cookie",
        headers={"cookie": "c=a%3B%20admin%3D1"},
    ),
    "optionals that are absent": Odd(
        "/absent",
        takes(
            param("a", "query"),
            param("b", "header"),
            param("c", "cookie"),
            requestBody={"content": {"application/json": {"schema": TEXT}}},
        ),
        "post",
        target="/absent",
        content=None,
    ),
    "a parameter over that of its path": Odd(
        "/over/{x}",
        takes(param("x", "path", {"type": "integer"}), {"$ref": "#/components/parameters/Page"}),
        given={"x": 5, "page": 2},
        target="/over/5?page=2",
        wrong=({"x": "five"},),
        shared={"parameters": [param("x", "path")]},
    ),
    "nullable": Odd(
        "/nullable",
        takes(
            requestBody=body({"type": "object", "properties": {"a": {"type": "string", "nullable": True}, "b": TEXT}})
        ),
        "post",
        given={"body": {"a": None}},
        target="/nullable",
        content='{"a":null}',
        wrong=({"body": {"b": None}},),
    ),
    "an exclusive bound": Odd(
        "/bound",
        takes(param("x", "query", {"type": "integer", "minimum": 0, "exclusiveMinimum": True})),
        given={"x": 1},
        target="/bound?x=1",
        wrong=({"x": 0},),
    ),
    "what only an answer has": Odd(
        "/pets",
        takes(requestBody=body(ref("Pet"))),
        "post",
        given={"body": {"name": "Rex"}},
        target="/pets",
        content='{"name":"Rex"}',
        wrong=({"body": {"id": 1}},),
    ),
    "a schema that holds itself": Odd(
        "/trees",
        takes(requestBody=body(ref("Tree"))),
        "post",
        given={"body": {"children": [{"children": []}]}},
        target="/trees",
        content='{"children":[{"children":[]}]}',
        wrong=({"body": {"children": [{"children": 1}]}},),
    ),
    "words beside a reference": Odd(
        "/beside",
        takes(requestBody=body({"$ref": "#/components/schemas/Tree", "required": ["nothing"]})),
        "post",
        given={"body": {}},
        target="/beside",
        content="{}",
    ),
    "a form as a body": Odd(
        "/login",
        takes(
            requestBody=body(
                {"type": "object", "properties": {"u": TEXT, "l": NUMBERS, "o": COLOUR}},
                "application/x-www-form-urlencoded",
            )
        ),
        "post",
        given={"body": {"u": "a b&c", "l": [1, 2], "o": {"r": 1}}},
        target="/login",
        headers={"content-type": "application/x-www-form-urlencoded"},
        content="u=a%20b%26c&l=1&l=2&o=%7B%22r%22%3A1%7D",
    ),
    "a text as a body": Odd(
        "/raw",
        takes(requestBody=body(TEXT, "text/x-markdown")),
        "post",
        given={"body": "# é"},
        target="/raw",
        headers={"content-type": "text/x-markdown"},
        content="# é",
    ),
    "a body of DELETE": Odd(
        "/labels", takes(requestBody=body(NUMBERS)), "delete", given={"body": [1]}, target="/labels", content="[1]"
    ),
    "a body of GET": Odd(
        "/get-body", takes(requestBody=body(TEXT)), target="/get-body", content=None, wrong=({"body": "x"},)
    ),
    "one body of several": Odd(
        "/several",
        takes(requestBody={"content": {"application/xml": {}, "application/vnd.x+json; v=1": {"schema": TEXT}}}),
        "post",
        given={"body": "x"},
        target="/several",
        headers={"content-type": "application/vnd.x+json; v=1"},
        content='"x"',
    ),
    "signs in a path": Odd(
        "/über maß/{x}", takes(param("x", "path")), given={"x": "1"}, target="/%C3%BCber%20ma%C3%9F/1"
    ),
    "a method that asks for heads": Odd("/heads", takes(), "head", target="/heads"),
    # What cannot be called.
    "a reference to elsewhere": Odd(
        "/away", takes({"$ref": "https://evil.example/p.json"}), reason="outside of the document"
    ),
    "a parameter that nobody describes": Odd("/nobody/{x}", takes(), reason="which none of its parameters describes"),
    "a body of XML": Odd(
        "/xml", takes(requestBody=body(TEXT, "application/xml")), "post", reason="its body is application/xml"
    ),
    "references in a circle": Odd("/circle", takes({"$ref": "#/components/parameters/Circle"}), reason="in a circle"),
    "a style that is none": Odd("/style", takes(param("x", "query", style="fancy")), reason="the style 'fancy'"),
    "a fragment in its path": Odd("/frag#ment", takes(), reason="signs that no path can have"),
    "a path out of itself": Odd("/a/../b", takes(), reason="leads out of itself"),
    "TRACE": Odd("/trace", takes(), "trace", reason="TRACE"),
    "another server": Odd(
        "/elsewhere",
        takes(servers=[{"url": "https://elsewhere.example"}]),
        reason="a server of its own, https://elsewhere.example",
    ),
    "a server without a value": Odd(
        "/unset", takes(servers=[{"url": "https://{region}.example"}]), reason="whose value is missing"
    ),
    "a schema that is nothing but itself": Odd(
        "/loop", takes(requestBody=body(ref("Loop"))), "post", reason="in a circle"
    ),
    "no object": Odd("/none", {"parameters": ["x", None], "requestBody": []}, "post", reason="should be an object"),
}

OF_3_1: dict[str, Odd] = {
    "a list of types": Odd(
        "/types",
        takes(param("x", "query", {"type": ["integer", "null"]}), requestBody=body({"type": ["string", "null"]})),
        "post",
        given={"x": 1, "body": None},
        target="/types?x=1",
        content="null",
        wrong=({"x": "1", "body": "b"},),
    ),
    "nullable says nothing": Odd(
        "/not-nullable",
        takes(requestBody=body({"type": "string", "nullable": True})),
        "post",
        given={"body": "x"},
        target="/not-nullable",
        content='"x"',
        wrong=({"body": None},),
    ),
    "a number as an exclusive bound": Odd(
        "/bound",
        takes(param("x", "query", {"type": "number", "exclusiveMinimum": 0})),
        given={"x": 0.5},
        target="/bound?x=0.5",
        wrong=({"x": 0},),
    ),
    "a constant": Odd(
        "/const",
        takes(requestBody=body({"const": "on"})),
        "post",
        given={"body": "on"},
        target="/const",
        content='"on"',
        wrong=({"body": "off"},),
    ),
    "words beside a reference count": Odd(
        "/beside",
        takes(requestBody=body({"$ref": "#/components/schemas/Tree", "required": ["children"]})),
        "post",
        given={"body": {"children": []}},
        target="/beside",
        content='{"children":[]}',
        wrong=({"body": {}},),
    ),
    "a body of GET": Odd(
        "/get-body", takes(requestBody=body(TEXT)), given={"body": "x"}, target="/get-body", content='"x"'
    ),
    "an anchor": Odd(
        "/anchor",
        takes(requestBody=body({"$ref": "#here"})),
        "post",
        given={"body": 5},
        target="/anchor",
        content="5",
        wrong=({"body": "five"},),
    ),
    "the identifier of a schema": Odd(
        "/identified",
        takes(requestBody=body({"$ref": "https://schemas.example/size"})),
        "post",
        given={"body": {"w": 1}},
        target="/identified",
        content='{"w":1}',
        wrong=({"body": {"w": "wide"}},),
    ),
    "a property that is called $ref": Odd(
        "/named",
        takes(requestBody=body({"type": "object", "properties": {"$ref": TEXT, "a": TEXT}})),
        "post",
        given={"body": {"$ref": "x", "a": "y"}},
        target="/named",
        content='{"$ref":"x","a":"y"}',
        wrong=({"body": {"$ref": 1}},),
    ),
    "a name that no provider takes": Odd(
        "/names",
        takes(requestBody=body({"type": "object", "properties": {"a b": TEXT}, "required": ["a b"]})),
        "post",
        reason="providers refuse the name of its property 'a b', which is required",
    ),
    "a chain of many references": Odd(
        "/chain",
        takes(requestBody=body(ref("Chain0"))),
        "post",
        given={"body": {"next": {"next": {}}}},
        target="/chain",
        content='{"next":{"next":{}}}',
        wrong=({"body": {"next": {"next": 1}}},),
    ),
    "a schema that is too large to be shown": Odd(
        "/large",
        takes(requestBody=body(ref("Large"))),
        "post",
        given={"body": {"p1": {"q": {"r": "x"}}}},
        target="/large",
        content='{"p1":{"q":{"r":"x"}}}',
        wrong=({"body": {"p1": {"q": {"r": 1}}}},),
    ),
    "a schema that is True": Odd(
        "/true", takes(requestBody=body(True)), "post", given={"body": [1, "x"]}, target="/true", content='[1,"x"]'
    ),
    "a list of fixed places": Odd(
        "/prefix",
        takes(requestBody=body({"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False})),
        "post",
        given={"body": ["a", 1]},
        target="/prefix",
        content='["a",1]',
        wrong=({"body": ["a", 1, 2]},),
    ),
}


CHAIN: JsonObject = {
    f"Chain{number}": {"type": "object", "properties": {"next": ref(f"Chain{number + 1}")}} for number in range(150)
}
LARGE: JsonObject = {
    f"p{number}": {
        "type": "object",
        "properties": {"q": {"type": "object", "properties": {"r": {**TEXT, "description": "long " * 50}}}},
    }
    for number in range(150)
}
MORE_SCHEMAS: JsonObject = {
    "Anchored": {"$anchor": "here", "type": "integer"},
    "Size": {
        "$id": "https://schemas.example/size",
        "type": "object",
        "properties": {"w": {"$ref": "#/$defs/Metres"}},
        "$defs": {"Metres": {"type": "number"}},
    },
    **CHAIN,
    "Chain150": {"type": "object"},
    "Large": {"type": "object", "properties": LARGE},
}


def document(version: str, odd: dict[str, Odd], server: str) -> JsonObject:
    """One document of all of them."""
    paths: dict[str, JsonValue] = {}
    for one in odd.values():
        assert one.path not in paths
        paths[one.path] = {**one.shared, one.method: one.written}
    components = dict(COMPONENTS)
    if version == "3.1.0":
        schemas = components["schemas"]
        assert isinstance(schemas, dict)
        components["schemas"] = {**schemas, **MORE_SCHEMAS}
    return {
        "openapi": version,
        "info": {"title": "Odd", "version": "1"},
        "servers": [{"url": server}],
        "paths": paths,
        "components": components,
    }
