"""The description of the HTTP API, made from the endpoints themselves."""

from __future__ import annotations

import re
from typing import Any

from faceunlock.errors import SLUGS
from faceunlock.web.answers import OTHER, STATUSES
from faceunlock.web.api import ENDPOINTS, Endpoint
from faceunlock.web.gate import API
from faceunlock.web.uploads import Field

SCHEMAS = {
    "Rate": (
        "value:number? errors:integer trials:integer people:integer? lower:number upper:number "
        "confidence:number method:string one_sided:boolean"
    ),
    "Model": "model:string weights_sha256:string preprocessing:string dimension:integer",
    "Quality": "size:number sharpness:number brightness:number turn:number? cut_off:number eye_light:number?",
    "LeftOut": "photo:string reason:string detail:string",
    "SameFace": "name:string enrolled_as:string similarity:number threshold:number",
    "NearestStranger": "name:string similarity:number threshold:number match:boolean strangers:integer",
    "Verify": (
        "match:boolean name:string look:string? similarity:number threshold:number candidates:integer "
        "threshold_status:string security:string? supported:boolean target_fmr:number? fmr:Rate? "
        "quality:Quality not_compared:string[] locked_out:string[] liveness:object? near_miss:boolean "
        "counted:boolean search:string model:Model"
    ),
    "IdentifiedFace": (
        "name:string? similarity:number? closest:string? box:integer[] confidence:number? reason:string?"
    ),
    "IdentifiedPhoto": "photo:string faces:IdentifiedFace[] annotated:string?",
    "Identify": (
        "names:string[] photos:IdentifiedPhoto[] left_out:LeftOut[] skipped:integer faces:integer "
        "compared:integer people:integer threshold:number sure_threshold:number? threshold_status:string "
        "security:string? supported:boolean target_fmr:number? false_name_bound:number? fmr:Rate? "
        "not_compared:string[] search:string model:Model"
    ),
    "ComparedPhoto": "photo:string similarity:number distance:number match:boolean quality:Quality",
    "Compare": (
        "match:boolean matches:integer photo:string quality:Quality others:ComparedPhoto[] "
        "left_out:LeftOut[] skipped:integer identical:boolean threshold:number threshold_status:string "
        "target_fmr:number? fmr:Rate? fnmr:Rate? false_match_bound:number? picture:string? model:Model"
    ),
    "Look": "name:string photos:integer mean_similarity:number lowest_similarity:number created:string",
    "Person": (
        "name:string photos:integer mean_similarity:number lowest_similarity:number created:string "
        "updated:string model:Model looks:Look[]"
    ),
    "People": "people:Person[]",
    "Enroll": (
        "name:string look:string? similarity_to_person:number? similarity_expected:number? saved:boolean "
        "photos:integer skipped:integer used:string[] left_out:LeftOut[] accepted:string[] "
        "template_photos:integer mean_similarity:number lowest_similarity:number one_look:boolean "
        "model:Model same_faces:SameFace[] nearest_stranger:NearestStranger?"
    ),
    "Renamed": "name:string was:string",
    "Forgotten": "name:string? look:string? forgotten:integer",
    "Error": (
        "code:string message:string hint:string retryable:boolean seconds_left:integer* "
        "groups:string[][]* usable:string[]* left_out:LeftOut[]*"
    ),
}
"""The fields of each object: ``name:type``, with ``[]`` for a list, ``?`` for what may be null and ``*`` for
what may be missing."""


def description(version: str, address: str) -> dict[str, Any]:
    """Return the description in OpenAPI 3.1.

    Parameters
    ----------
    version : str
        Of this program.
    address : str
        Where it is served, such as ``http://127.0.0.1:8000``.
    """
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(API + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "faceunlock", "version": version, "description": "See docs/http.md."},
        "servers": [{"url": address}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: object_of(text) for name, text in SCHEMAS.items()},
        },
    }


def object_of(text: str) -> dict[str, Any]:
    """Return the JSON schema of an object from its fields.

    Examples
    --------
    >>> object_of("name:string photos:integer?")["properties"]["photos"]
    {'type': ['integer', 'null']}
    """
    words = text.split()
    always = sorted(word.partition(":")[0] for word in words if not word.endswith("*"))
    properties = dict(_property(word.removesuffix("*")) for word in words)
    return {"type": "object", "properties": properties, "required": always}


def _property(word: str) -> tuple[str, dict[str, Any]]:
    name, kind = word.split(":")
    optional, kind = kind.endswith("?"), kind.removesuffix("?")
    plain = kind.replace("[]", "")
    schema: dict[str, Any] = (
        {"$ref": f"#/components/schemas/{plain}"} if plain[0].isupper() else {"type": plain}
    )
    for _ in range(kind.count("[]")):
        schema = {"type": "array", "items": schema}
    if optional:
        schema = {"type": [kind, "null"]} if "type" in schema else {"anyOf": [schema, {"type": "null"}]}
    return name, schema


def _document(command: str, part: str, schema: str) -> dict[str, Any]:
    """Return the whole document: an answer with ``data``, or an error."""
    return {
        "type": "object",
        "properties": {
            "schema": {"const": 1},
            "command": {"const": command} if part == "data" else {"type": "string"},
            "ok": {"const": part == "data"},
            part: {"$ref": f"#/components/schemas/{schema}"},
        },
        "required": ["schema", "command", "ok", part],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in re.findall(r"\{(\w+)\}", endpoint.path)
        ],
        "responses": {
            "200": _response("Done.", _document(endpoint.command, "data", endpoint.data)),
            **{
                str(status): _response(_slugs(status), _document("", "error", "Error"))
                for status in sorted({*STATUSES.values(), OTHER})
            },
        },
    }
    if endpoint.fields:
        properties = {one.name: _field(one) for one in endpoint.fields}
        form = {
            "type": "object",
            "properties": properties,
            "required": [one.name for one in endpoint.fields if one.required],
            "additionalProperties": False,
        }
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return operation


def _field(one: Field) -> dict[str, Any]:
    photo = {"type": "string", "contentMediaType": "image/*", "format": "binary"}
    schemas: dict[str, dict[str, Any]] = {
        "photo": photo,
        "photos": {"type": "array", "items": photo, "minItems": 1},
        "text": {"type": "string"},
        "number": {"type": "number", "minimum": -1, "maximum": 1},
        "flag": {"type": "boolean"},
    }
    choices = {"enum": list(one.choices)} if one.choices else {}
    return schemas[one.kind] | choices | {"description": one.meaning}


def _response(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _slugs(status: int) -> str:
    if status == OTHER:
        return "The gallery, the installation or the machine must be mended first."
    return ", ".join(slug for slug in SLUGS if STATUSES.get(slug) == status)
