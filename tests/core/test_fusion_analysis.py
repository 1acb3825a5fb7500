"""The judge's analysis, however badly it is written."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.analysis import Analysis, Contradiction, Coverage, Insight, Stance, read_analysis
from router.core.tolerant_json import read_json_object

WHOLE = {
    "consensus": ["both agree"],
    "contradictions": [
        {"topic": "size", "stances": [{"model": "A", "stance": "big"}, {"model": "B", "stance": "small"}]}
    ],
    "partial_coverage": [{"models": ["A"], "point": "rollback"}],
    "unique_insights": [{"model": "B", "insight": "risk"}],
    "blind_spots": ["cost"],
    "dissent": ["B may be right"],
    "confidence": 0.8,
    "chosen": "A",
}
READ = Analysis(
    ("both agree",),
    (Contradiction("size", (Stance("A", "big"), Stance("B", "small"))),),
    (Coverage(("A",), "rollback"),),
    (Insight("B", "risk"),),
    ("cost",),
    ("B may be right",),
    0.8,
    "A",
)
TEXT = orjson.dumps(WHOLE).decode()

SAME = {
    "as it should be": TEXT,
    "fenced": f"```json\n{TEXT}\n```",
    "fenced without a language": f"```\n{TEXT}\n```",
    "with prose before": f"Here is the analysis you asked for:\n{TEXT}",
    "with prose behind": f"{TEXT}\nI hope this helps!",
    "with a trailing comma": TEXT[:-1] + ",}",
    "with single quotes": TEXT.replace('"', "'"),
    "with typographic quotes": "".join("“" if i % 2 == 0 else "”" for i in range(TEXT.count('"')))
    and (
        "".join(part + ("“" if i % 2 == 0 else "”") for i, part in enumerate(TEXT.split('"')[:-1]))
        + TEXT.split('"')[-1]
    ),
    "with a comment": "{ // the analysis\n" + TEXT[1:],
    "with a block comment": "{ /* the analysis */" + TEXT[1:],
    "without commas between entries": TEXT.replace('],"', '] "'),
    "as Python prints it": str(WHOLE),
    "inside another object": '{"analysis": ' + TEXT + "}",
    "with camel case keys": TEXT.replace("blind_spots", "blindSpots").replace("partial_coverage", "partialCoverage"),
    "with spaced keys": TEXT.replace("blind_spots", "Blind Spots").replace("unique_insights", "Unique Insights"),
    "with bare keys": TEXT.replace('"consensus"', "consensus").replace('"confidence"', "confidence"),
    "with the confidence as per cent": TEXT.replace("0.8", '"80%"'),
    "with the chosen spelled out": TEXT.replace('"chosen":"A"', '"chosen":"Candidate A"'),
    "with the chosen in a list": TEXT.replace('"chosen":"A"', '"chosen":["A"]'),
    "with the chosen in an object": TEXT.replace('"chosen":"A"', '"chosen":{"candidate":"A"}'),
    "cut before its last bracket": TEXT[:-1],
    "with strings for lists": TEXT.replace('["both agree"]', '"both agree"').replace('["cost"]', '"cost"'),
    "with objects for strings": TEXT.replace('["cost"]', '[{"point":"cost"}]'),
    "with stances as an object": TEXT.replace(
        '[{"model":"A","stance":"big"},{"model":"B","stance":"small"}]', '{"A":"big","B":"small"}'
    ),
    "with stances as strings": TEXT.replace(
        '[{"model":"A","stance":"big"},{"model":"B","stance":"small"}]', '["A: big","B: small"]'
    ),
    "with a lone object for a list": TEXT.replace('[{"model":"B","insight":"risk"}]', '{"model":"B","insight":"risk"}'),
    "with nulls in its lists": TEXT.replace('["cost"]', '["cost", null, ""]'),
    "with duplicate keys": '{"consensus": [],' + TEXT[1:],
    "with an unknown key": '{"mood": {"deep": [[1]]},' + TEXT[1:],
    "with NaN elsewhere": '{"score": NaN, "other": -Infinity,' + TEXT[1:],
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_an_analysis_is_read_whatever_its_form(text: str) -> None:
    assert read_analysis(text) == READ


POOR: dict[str, tuple[str, dict[str, Any]]] = {
    "cut in a list": ('{"consensus": ["one", "tw', {"consensus": ("one", "tw")}),
    "cut in a key": ('{"consensus": ["one"], "blind', {"consensus": ("one",)}),
    "cut after a colon": ('{"consensus": ["one"], "blind_spots":', {"consensus": ("one",), "blind_spots": ()}),
    "NaN for confidence": ('{"consensus": [], "confidence": NaN}', {"confidence": None}),
    "nonsense for confidence": ('{"dissent": [], "confidence": [1]}', {"confidence": None}),
    "words for confidence": ('{"dissent": [], "confidence": "high"}', {"confidence": 0.85}),
    "strings for objects": ('{"contradictions": ["they differ on size"]}',
                            {"contradictions": (Contradiction("they differ on size"),)}),
    "a number for a list": ('{"consensus": 3}', {"consensus": ("3",)}),
    "lists one by one": ('{"consensus": ["a"], "consensus": ["b"]}', {"consensus": ("a", "b")}),
    "bullets in a string": ('{"blind_spots": "- a\\n- b"}', {"blind_spots": ("a", "b")}),
    "an apostrophe in single quotes": ("{'consensus': ['it's fine']}", {"consensus": ("it's fine",)}),
    "insights by candidate": ('{"unique_insights": {"A": "x"}}', {"unique_insights": (Insight("A", "x"),)}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), POOR.values(), ids=POOR.keys())
def test_what_can_be_saved_is_saved(text: str, expected: dict[str, Any]) -> None:
    read = read_analysis(text)
    assert read is not None
    assert {key: getattr(read, key) for key in expected} == expected


@pytest.mark.parametrize("text", ["", "no json", "{}", "[1, 2]", '{"answer": 42}', "{{{{", "null", '"consensus"'])
def test_what_holds_no_analysis_gives_none(text: str) -> None:
    assert read_analysis(text) is None


@given(st.text(alphabet="{}[]:,\"'\\ab1.-NnTf/*#\n“”", max_size=120))
def test_reading_never_raises(text: str) -> None:
    read_json_object("{" + text)
    read_analysis('{"consensus":' + text)


@given(st.integers(0, len(TEXT)))
def test_cut_anywhere_it_still_reads_and_keeps_what_came_before(end: int) -> None:
    read = read_analysis(TEXT[:end])
    if end > TEXT.index("contradictions"):
        assert read is not None
        assert read.consensus == ("both agree",)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(alphabet="abc é\"\\'{}[]:,\n", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="abcd", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(alphabet="abcdef", min_size=1), values, max_size=5))
def test_sound_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert read_json_object(orjson.dumps(value).decode()) == value


def test_deep_nesting_and_long_texts_cost_little() -> None:
    read_analysis('{"consensus":' + "[" * 100_000)
    read_analysis('{"consensus": ["' + "x'" * 100_000)
    huge = read_analysis(orjson.dumps({"consensus": ["x" * 10_000] * 100}).decode())
    assert huge is not None
    assert len(huge.consensus) == 32


@given(values)
def test_facts_are_json(value: Any) -> None:
    read = read_analysis(orjson.dumps({"consensus": value, "contradictions": value, "chosen": value}).decode())
    assert read is not None
    orjson.dumps(read.facts())
