# SPDX-License-Identifier: MIT
"""The part of JSON Schema 2020-12 that the schemas of this project use."""
import re

KNOWN = {"$schema", "$ref", "$defs", "title", "description", "type", "const", "enum", "pattern",
         "minimum", "maximum", "required", "properties", "additionalProperties", "items", "minItems",
         "maxItems", "anyOf"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def type_fits(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def complaints(value, schema, at="$", top=None):
    """What is wrong with a value. A keyword that is not known is a complaint, too; `top` is the
    schema in which references are looked up."""
    top = schema if top is None else top
    yield from (f"{at}: keyword {word} is not known here" for word in set(schema) - KNOWN)
    if "$ref" in schema:
        yield from complaints(value, top["$defs"][schema["$ref"].removeprefix("#/$defs/")], at, top)
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(type_fits(value, name) for name in names):
        yield f"{at}: {value!r} is not {names}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "anyOf" in schema and all(list(complaints(value, one, at, top)) for one in schema["anyOf"]):
        yield f"{at}: {value!r} fits none of anyOf"
    if isinstance(value, str) and not re.search(pattern_of(schema), value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if type_fits(value, "integer"):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{at}: {value} is too small or too large"
    if isinstance(value, list):
        yield from complaints_of_list(value, schema, at, top)
    if isinstance(value, dict):
        yield from complaints_of_object(value, schema, at, top)


def pattern_of(schema):
    """In Python, unlike in a schema, $ also matches before a line feed at the end."""
    return re.sub(r"\$$", r"\\Z", schema.get("pattern", ""))


def complaints_of_list(value, schema, at, top):
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} elements"
    for i, element in enumerate(value):
        yield from complaints(element, schema.get("items", {}), f"{at}[{i}]", top)


def complaints_of_object(value, schema, at, top):
    properties = schema.get("properties", {})
    yield from (f"{at}: {name} is missing" for name in schema.get("required", [])
                if name not in value)
    for name, member in value.items():
        if name in properties:
            yield from complaints(member, properties[name], f"{at}.{name}", top)
        elif schema.get("additionalProperties") is False:
            yield f"{at}: {name} is not described"
