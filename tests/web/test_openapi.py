"""The description of the API is held to its code, its answers and the pages of the documentation."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from support import cli_page
from support.fakes import paint
from support.served import png

from faceunlock.errors import SLUGS
from faceunlock.web.answers import OTHER, STATUSES
from faceunlock.web.api import ENDPOINTS
from faceunlock.web.folders import MOST_COMPARED
from faceunlock.web.gate import API
from faceunlock.web.openapi import SCHEMAS, description, object_of
from faceunlock.web.patience import ASKING_SECONDS, READING_SECONDS
from faceunlock.web.server import CONNECTIONS
from faceunlock.web.uploads import MAX_PHOTOS, MAX_UPLOAD, UPLOAD_SECONDS
from faceunlock.web.worker import WAITING

DESCRIPTION = description("1.0", "http://127.0.0.1:1")
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "http.md").read_text(encoding="utf-8")
PAGE_OF_COMMANDS = (DOCS / "cli.md").read_text(encoding="utf-8")
SECTIONS = {
    "Rate": "Part: rate",
    "Model": "Part: embedding model",
    "Quality": "Part: quality",
    "LeftOut": "Part: photo left out",
    "SameFace": "Part: second name",
    "NearestStranger": "Part: nearest stranger",
    "Verify": "faceunlock verify",
    "IdentifiedFace": "Part: identified face",
    "IdentifiedPhoto": "Part: identified photo",
    "Identify": "faceunlock identify",
    "ComparedPhoto": "Part: compared photo",
    "Compare": "faceunlock compare",
    "Person": "Part: person",
    "Renamed": "faceunlock people rename",
    "Forgotten": "faceunlock people forget",
    "Enroll": "faceunlock enroll",
}
"""Each schema and the section of docs/cli.md that lists the same fields."""


def problems(value, schema, at="data"):
    """What about a value contradicts a schema; nothing is left open but objects without a description."""
    if "$ref" in schema:
        return problems(value, object_of(SCHEMAS[schema["$ref"].rpartition("/")[2]]), at)
    if "anyOf" in schema:
        found = [problems(value, one, at) for one in schema["anyOf"]]
        return [] if [] in found else found[0]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    matches = {
        "string": lambda: isinstance(value, str),
        "integer": lambda: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda: isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": lambda: isinstance(value, bool),
        "array": lambda: isinstance(value, list),
        "object": lambda: isinstance(value, dict),
        "null": lambda: value is None,
    }
    if not any(matches[kind]() for kind in kinds):
        return [f"{at}: {value!r} is not {kinds}"]
    if isinstance(value, list):
        return [p for i, one in enumerate(value) for p in problems(one, schema["items"], f"{at}[{i}]")]
    if isinstance(value, dict) and "properties" in schema:
        if not set(schema["required"]) <= set(value) <= set(schema["properties"]):
            return [f"{at}: {sorted(set(value) ^ set(schema['properties']))}"]
        return [
            p
            for name, one in schema["properties"].items()
            if name in value
            for p in problems(value[name], one, f"{at}.{name}")
        ]
    return []


def test_every_route_of_the_api_is_described_and_nothing_else(shared):
    served = {
        (method, route.path)
        for route in _routes(shared)
        if route.path.startswith(API) and not route.path.endswith("openapi.json")
        for method in route.methods - {"HEAD"}
    }
    described = {
        (method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods
    }
    assert served == described == {(one.method, API + one.path) for one in ENDPOINTS}
    names = [one["operationId"] for methods in DESCRIPTION["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


def _routes(client):
    return client.server._server.config.app._app.routes


@pytest.mark.parametrize(
    ("path", "fields", "schema"),
    [
        ("verify", [("photo", png(paint(1, 9))), ("name", "Ada")], "Verify"),
        ("verify", [("photo", png(paint(2, 9))), ("threshold", "0.5")], "Verify"),
        ("identify", [("photos", png(paint(1, 9, faces=2)))], "Identify"),
        (
            "identify",
            [("photos", png(paint(1, 9))), ("photos", ("a.png", b"x")), ("threshold", "1")],
            "Identify",
        ),
        ("compare", [("photo", png(paint(1, 9))), ("other", png(paint(1, 8)))], "Compare"),
        ("people/Bob", [("dry_run", "true"), *[("photos", png(paint(3, n))) for n in range(4)]], "Enroll"),
        ("people", None, "People"),
        ("people/ada", None, "Person"),
    ],
)
def test_answers_are_as_described(shared, path, fields, schema):
    data = shared.api("GET" if fields is None else "POST", path, fields).data
    assert problems(data, object_of(SCHEMAS[schema])) == []


def test_changes_and_errors_are_as_described(served):
    assert (
        problems(served.api("PATCH", "people/Ada", [("name", "Bea")]).data, object_of(SCHEMAS["Renamed"]))
        == []
    )
    assert problems(served.api("DELETE", "people/Bea").data, object_of(SCHEMAS["Forgotten"])) == []
    error = served.api("DELETE", "people/Bea").document["error"]
    assert problems(error, object_of(SCHEMAS["Error"])) == []
    photos = [("photos", png(paint(3, 0), "a.png")), ("photos", ("b.png", b"x"))]
    error = served.api("POST", "people/Bob", photos).document["error"]
    assert error["usable"] and error["left_out"] and problems(error, object_of(SCHEMAS["Error"])) == []


@pytest.mark.parametrize("schema", SECTIONS)
def test_schemas_have_the_fields_of_the_documentation(schema):
    assert set(object_of(SCHEMAS[schema])["properties"]) == cli_page.fields(SECTIONS[schema])


def test_a_contradiction_is_noticed():
    assert problems({"name": 1, "was": "x"}, object_of(SCHEMAS["Renamed"]))
    assert problems({"name": "x"}, object_of(SCHEMAS["Renamed"]))
    assert problems(True, {"type": "integer"}) and problems(None, {"type": "string"})


def test_the_page_has_every_endpoint_with_its_fields():
    for endpoint in ENDPOINTS:
        heading = f"### `{endpoint.method} {API}{endpoint.path}`"
        assert heading in PAGE, heading
        section = PAGE.partition(heading)[2].partition("\n#")[0]
        listed = re.findall(r"^\| `(\w+)` ", section, flags=re.MULTILINE)
        assert listed == [field.name for field in endpoint.fields], heading
        for field in endpoint.fields:
            assert all(f"`{choice}`" in section for choice in field.choices)


def test_the_page_has_the_limits_that_the_server_has():
    for words in (
        f"at most {MAX_UPLOAD >> 20} MiB and {MAX_PHOTOS} photos a request",
        f"a request, within {UPLOAD_SECONDS:.0f} seconds",
        f"; {WAITING} may wait",
        f"{CONNECTIONS} connections may be open",
        f"its headers within {ASKING_SECONDS:.0f} seconds",
        f"nothing of its answer for {READING_SECONDS:.0f} seconds",
    ):
        assert words in PAGE, words
    commands = PAGE_OF_COMMANDS.partition("### faceunlock serve")[2]
    assert f"more than {MOST_COMPARED:,} photos is refused" in commands


def test_the_page_has_the_status_of_every_slug():
    table = dict(re.findall(r"^\| (\d{3}) \| (.*) \|$", PAGE, flags=re.MULTILINE))
    for status in sorted({*STATUSES.values()}):
        named = set(re.findall(r"`([a-z-]+)`", table[str(status)]))
        assert named == {slug for slug in SLUGS if STATUSES.get(slug) == status}, status
    assert set(table) == {"200", "404", "405", "500", str(OTHER), *map(str, STATUSES.values())}


def test_no_request_that_the_description_allows_ends_in_a_500(served):
    pytest.importorskip("schemathesis")
    warnings.simplefilter("ignore")
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error

    address = f"http://127.0.0.1:{served.server.port}"
    schema = schemathesis.openapi.from_url(f"{address}{API}openapi.json", headers=_token(served))
    assert len(list(schema.get_all_operations())) == len(ENDPOINTS)
    seen = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=8,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        def ask(case):
            response = case.call(base_url=address, headers=_token(served))
            seen.add(response.status_code)
            if response.status_code != OTHER:
                case.validate_response(response, checks=[not_a_server_error])
            assert response.status_code != 500

        ask()
    assert 500 not in seen and {400} <= seen


def _token(client):
    return {"Authorization": f"Bearer {client.server.token}"}
