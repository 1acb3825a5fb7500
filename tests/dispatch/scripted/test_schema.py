"""Instances made from JSON schemas."""

import pytest

from router.dispatch.scripted.schema import instance_of

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "next"],
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "string"}, "scripted"),
        ({"type": "string", "maxLength": 3}, "scr"),
        ({"type": "string", "minLength": 10}, "scripted.."),
        ({"type": "string", "format": "date"}, "2025-01-01"),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "number", "maximum": 0.25}, 0.25),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 3),
        ({}, "scripted"),
        (True, None),
        ({"$ref": "#/$defs/missing"}, None),
    ],
)
def test_an_instance_fits_its_schema(schema, expected):
    assert instance_of(schema) == expected


def test_a_schema_that_refers_to_itself_comes_to_an_end():
    node, depth = instance_of(TREE), 0
    while node is not None:
        assert node["name"] == "scripted"
        node, depth = node["next"], depth + 1
    assert 0 < depth < 15


def test_numbers_take_the_value_of_the_text():
    assert instance_of({"type": "number"}, text="42") == 42
