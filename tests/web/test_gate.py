"""Only this user of this machine is answered, and only when the page or the token asked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest
from support.fakes import paint
from support.served import png

from faceunlock.web.gate import CSRF, HEADERS, user_of

COOKIE = "set-cookie"


def signed_in(client, path="/"):
    """The cookie of a browser that opened the printed address, and the page's own word."""
    welcome = client("GET", f"/?token={client.server.token}", token=False)
    cookie = welcome.headers[COOKIE].partition(";")[0]
    page = client("GET", path, headers={"Cookie": cookie}, token=False)
    assert page.status == 200
    return cookie, page.body.decode().partition('name="csrf" content="')[2].partition('"')[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "localhost.evil.example:{port}"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_a_request_that_another_page_could_have_sent_is_refused_even_with_the_token(shared, headers):
    sent = {name: value.format(port=shared.server.port) for name, value in headers.items()}
    for method, path in (("GET", "people"), ("POST", "verify")):
        reply = shared.api(method, path, headers=sent)
        assert reply.status == 403 and reply.slug == "not-admitted"
    assert shared("GET", "/", headers=sent).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_every_name_of_this_machine_will_do(shared, host):
    name = f"{host}:{shared.server.port}"
    sent = {"Host": name, "Origin": f"http://{name.lower()}"}
    assert shared.api("GET", "people", headers=sent).data["people"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"Cookie": "faceunlock-{port}={token}"},
        {"Cookie": "faceunlock-{port}="},
        {"Cookie": "\x01;=;;"},
    ],
)
def test_without_the_token_nothing_is_told(shared, headers):
    port, token = shared.server.port, shared.server.token
    sent = {name: value.format(port=port, token=token) for name, value in headers.items()}
    for path in ("/", "/people", "/static/web.css", "/state", "/api/v1/people", "/api/v1/openapi.json", "/x"):
        reply = shared("GET", path, headers=sent, token=False)
        assert reply.status == 403 and b"Ada" not in reply.body and COOKIE not in reply.headers
    assert shared("GET", "/?token=wrong", token=False).status == 403
    assert shared("GET", f"/people?token={token}", token=False).status == 403
    assert shared("POST", f"/?token={token}", token=False).status == 403


def test_the_address_gives_a_cookie_for_this_page_alone(shared):
    welcome = shared("GET", f"/?token={shared.server.token}", token=False)
    cookie = welcome.headers[COOKIE].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "domain" not in cookie
    assert shared.server.token not in welcome.headers[COOKIE]
    value, _ = signed_in(shared)
    assert shared("GET", "/people", headers={"Cookie": value}, token=False).status == 200


def test_a_cookie_alone_changes_nothing(served):
    cookie, csrf = signed_in(served)
    for method, path in (("DELETE", "people/Ada"), ("POST", "verify"), ("PATCH", "people/Ada")):
        for more in ({}, {CSRF: ""}, {CSRF: "wrong"}, {CSRF: cookie.partition("=")[2]}):
            reply = served.api(method, path, headers={"Cookie": cookie, **more}, token=False)
            assert reply.slug == "not-admitted"
    assert served.api("GET", "people").data["people"]
    done = served.api("DELETE", "people/Ada", headers={"Cookie": cookie, CSRF: csrf}, token=False)
    assert done.data["forgotten"] == 1


def test_two_tabs_do_not_disturb_each_other(shared):
    (first, one), (second, other) = signed_in(shared), signed_in(shared, "/people")
    assert (first, one) == (second, other)
    fields = [("photos", png(paint(1, 9)))]
    for cookie, csrf in ((first, one), (second, other)):
        reply = shared.api("POST", "identify", fields, headers={"Cookie": cookie, CSRF: csrf}, token=False)
        assert reply.data["names"] == ["Ada"]


@pytest.mark.parametrize("path", ["/", "/static/try.js", "/static/page.css", "/api/v1/people", "/nowhere"])
def test_every_response_is_told_to_keep_to_itself(shared, path):
    reply = shared("GET", path)
    for name, value in HEADERS.items():
        assert reply.headers[name.lower()] == value
    policy = reply.headers["content-security-policy"]
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert "server" not in reply.headers and "access-control-allow-origin" not in reply.headers


def test_only_this_machine_is_listened_to(shared):
    for one in shared.server._sockets:
        assert one.getsockname()[0] in ("127.0.0.1", "::1")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who opened a connection")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_user_of_a_connection_is_known(family, host):
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener, socket.create_connection(listener.getsockname()[:2]) as client:
        port = listener.getsockname()[1]
        assert user_of(client.getsockname()[:2], port) == os.getuid()
        assert user_of(client.getsockname()[:2], port + 1) is None


def test_another_user_of_the_machine_is_refused_even_with_the_token(shared, monkeypatch):
    monkeypatch.setattr("faceunlock.web.gate.user_of", lambda client, port: os.getuid() + 1)
    assert shared.api("GET", "people").slug == "not-admitted"


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can be somebody else")
def test_a_second_user_of_the_machine_has_the_token_and_is_refused(shared):
    code = (
        "import sys, urllib.request, urllib.error\n"
        "request = urllib.request.Request(sys.argv[1], headers={'Authorization': sys.argv[2]})\n"
        "try:\n    print(urllib.request.urlopen(request).status)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code, error.read().decode())\n"
    )
    address = f"http://127.0.0.1:{shared.server.port}/api/v1/people"
    command = ["/usr/bin/env", "-i", shutil.which("python3", path="/usr/bin:/bin") or sys.executable, "-c"]
    done = subprocess.run(
        [*command, code, address, f"Bearer {shared.server.token}"],
        user=65534,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )
    if done.returncode:
        pytest.skip(f"the second user has no Python: {done.stderr[-80:]}")
    assert done.stdout.startswith("403") and "another user of this machine" in done.stdout


def test_a_system_that_tells_no_user_has_the_token_alone(tmp_path):
    assert user_of(("127.0.0.1", 5), 6, tmp_path) is None
    assert user_of(None, 6) is None
    table = "  sl  local_address rem_address   st\n 0: 0100007F:0005 0100007F:0006 01 0:0 0:0 0 1234 0 1\n"
    (tmp_path / "tcp").write_text(table)
    if sys.byteorder == "little":
        assert user_of(("127.0.0.1", 5), 6, tmp_path) == 1234
