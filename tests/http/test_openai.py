"""Reading bodies: what is sent on is what the caller wrote, with another model's name in it."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.request import exact_body
from router.errors import BadRequest
from router.http.openai import read_chat, read_embeddings

HI = [{"role": "user", "content": "hi"}]
NAMES = st.sampled_from(["model", "Model", "modelx", "mod", "x", "router2", "é", '"model"', "a\\"])
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), NAMES, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)  # fmt: skip


def sent_on(raw: bytes, name: str = "other/name") -> Any:
    request = read_chat(raw)
    if request.around_model is None:
        return {**request.body, "model": name}
    before, after = request.around_model
    return json.loads(before + orjson.dumps(name) + after)


@given(
    st.dictionaries(st.sampled_from(["x", "y", "metadata"]), ANYTHING, max_size=3),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 2]),
    st.sampled_from(["auto", "a/b", 'quo"te', "ünïcode", "back\\slash"]),
    st.permutations(["model", "messages", "more"]),
)
def test_what_is_sent_on_says_what_the_caller_said(
    more: dict[str, Any], stream: bool, ascii: bool, indent: int | None, model: str, order: list[str]
) -> None:
    parts: dict[str, dict[str, Any]] = {"model": {"model": model}, "messages": {"messages": HI}, "more": more}
    body: dict[str, Any] = {key: value for name in order for key, value in parts[name].items()}
    body |= {"stream": True} if stream else {}
    raw = json.dumps(body, ensure_ascii=ascii, indent=indent).encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return
    expected = {**body, "model": "other/name"} | ({"stream_options": {"include_usage": True}} if stream else {})
    assert json.loads(json.dumps(sent_on(raw))) == json.loads(json.dumps(expected))


def test_an_ordinary_body_is_sent_on_as_it_was_written() -> None:
    raw = b'{ "messages" : [{"role":"user","content":"hi"}], "seed":123456789012345678901234567890,"model" : "auto" ,"z":1.50}'
    assert read_chat(raw).around_model == (raw[: raw.index(b'"auto"')], raw[raw.index(b'"auto"') + 6 :])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"metadata":{"model":"mine"}}',
        b'{"m\\u006fdel":"dear","model":"auto","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"dear","model":"auto","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"a\\u0075to","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"router":{"mode":"cost"}}',
        b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"plugins":[{"id":"fusion"}]}',
        b'{"model":"auto","stream":true,"stream_options":{"x":1},"messages":[{"role":"user","content":"hi"}]}',
    ],
)
def test_where_the_place_of_the_name_is_not_certain_the_body_is_written_anew(raw: bytes) -> None:
    request = read_chat(raw)
    assert request.around_model is None
    assert (request.model, request.body["model"]) == ("auto", "auto")


def test_a_name_in_the_text_is_no_key() -> None:
    text = 'set "model" : "auto" in {"model": "x"}'
    body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    assert sent_on(orjson.dumps(body)) == {**body, "model": "other/name"}


LONG = [1 << 64, -(1 << 63) - 1, 123456789012345678901234567890]
REWRITTEN = [b'"router":{}', b'"stream":true,"stream_options":{"x":1}', b'"plugins":[{"id":"fusion"}]']


@pytest.mark.parametrize("number", LONG)
@pytest.mark.parametrize("why", REWRITTEN)
def test_long_whole_numbers_stay_whole_at_any_depth_where_the_body_is_written_anew(why: bytes, number: int) -> None:
    raw = b'{"model":"auto","seed":%d,"metadata":{"ids":[{"x":%d}]},%s,"messages":[{"role":"user","content":"hi"}]}'
    request = read_chat(raw % (number, number, why))
    assert request.around_model is None
    assert request.body["seed"] == number
    assert str(request.body["metadata"]["ids"][0]["x"]) == str(number)


@pytest.mark.parametrize("number", LONG)
def test_who_writes_a_body_anew_that_could_be_sent_as_it_was_has_every_digit_too(number: int) -> None:
    raw = b'{"metadata":{"x":[%d,1.5]},"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    request = read_chat(raw % number)
    assert request.around_model is not None
    exact = exact_body(request.body, request.around_model)
    assert str(exact["metadata"]) == str({"x": [number, 1.5]})
    assert exact == {**request.body, "metadata": exact["metadata"]}
    short = read_chat(raw % 1)
    assert exact_body(short.body, short.around_model) is short.body


def test_embeddings_with_controls_keep_long_whole_numbers() -> None:
    raw = b'{"input":"hi","model":"small","router":{},"metadata":{"x":12345678901234567890123}}'
    assert read_embeddings(raw).body == {"input": "hi", "model": "small", "metadata": {"x": 12345678901234567890123}}


@pytest.mark.parametrize("lone", [b"", b"\\ud800"])
@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"-Infinity", b"9" * 400, b"9" * 5000])
@pytest.mark.parametrize(
    ("where", "param"),
    [
        (b'"metadata":{"a":1,"limit":%s}', "metadata.limit"),
        (
            b'"tools":[{"x":1},{"function":{"parameters":{"maximum":[0,%s]}}}]',
            "tools[1].function.parameters.maximum[1]",
        ),
        (b'"temperature":%s', "temperature"),
    ],
)
def test_a_number_that_is_none_is_named_wherever_it_is(where: bytes, param: str, number: bytes, lone: bytes) -> None:
    text = b'\\"x\\": NaN' + lone
    raw = b'{"model":"auto","messages":[{"role":"user","content":"%s"}],%s}' % (text, where % number)
    with pytest.raises(BadRequest) as refused:
        read_chat(raw)
    assert refused.value.param == param
    assert f"`{param}`" in refused.value.message


@pytest.mark.parametrize(
    "raw", [b'"\\ud800', b'{"model":"auto","x":"\\ud800","y":NaN}', b'{"x":"\\ud800"' + b"[" * 100_000, b"\xff\\ud800"]
)
def test_a_lone_surrogate_excuses_nothing_else(raw: bytes) -> None:
    for read in (read_chat, read_embeddings):
        with pytest.raises(BadRequest):
            read(raw)


def test_embeddings_are_sent_on_as_they_were_written_too() -> None:
    raw = b'{"input":"hi","model":"small","dimensions":12345678901234567890123}'
    assert read_embeddings(raw).around_model == (b'{"input":"hi","model":', b',"dimensions":12345678901234567890123}')
