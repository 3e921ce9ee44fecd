"""``models`` and ``status``: what is on this machine, and fetching the rest."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.weights_helpers import answer, serving


def test_models_are_listed_with_where_each_number_comes_from(faceunlock):
    result = faceunlock("models")
    assert result.code == 0 and result.stderr == ""
    rows = {line.split()[0]: line for line in result.stdout.partition("\n\n")[0].splitlines()}
    assert "absent" in rows["retail-0095"] and "(recommended)" in rows["retail-0095"]
    assert "Apache-2.0" in result.stdout and "Intel" in result.stdout
    assert (
        "absent" in rows["vggface2"]
        and "absent" in rows["casia-webface"]
        and "present" in rows["compact"]
        and "present" in rows["dlib"]
    )
    models = {model["id"]: model for model in faceunlock("models", "--json").data["models"]}
    texture = models.pop("minifasnet")
    assert (texture["purpose"], texture["threshold"], texture["dimension"]) == ("liveness", None, None)
    assert "absent" in rows["minifasnet"] and "it may refuse a face with --require-live" in result.stdout
    assert list(models) == ["retail-0095", "vggface2", "casia-webface", "compact", "dlib"]
    for model in models.values():
        assert f"{model['threshold']['value']:.4f}" in rows[model["id"]]
        assert f"\n{model['id']}: {model['network']}\n" in result.stdout
        assert f"  licence     {model['licence']}\n  trained on  {model['training_data']}\n" in result.stdout


def test_weights_that_are_there_are_checked_again(faceunlock):
    result = faceunlock("models", "verify")
    assert result.code == 0 and result.stdout.startswith("compact: good, SHA-256 ")
    assert "\ndlib: good, SHA-256 " in result.stdout
    pulled = faceunlock("models", "pull", "dlib", "--json")
    assert pulled.code == 0 and pulled.data["weights"] == "present"
    assert pulled.document["command"] == "models pull"
    assert pulled.data["sha256"] in result.stdout
    absent = faceunlock("models", "verify", "vggface2", "--json")
    assert absent.code == 2 and absent.error["code"] == "weights-missing"


@pytest.mark.parametrize("words", [("models", "pull"), ("models", "verify"), ("status", "--model")])
def test_an_unknown_model_is_named(faceunlock, words):
    result = faceunlock(*words, "vgface", "--json")
    assert result.code == 2 and result.error["code"] == "unknown-model"
    assert "'vgface'" in result.error["message"] and "vggface2" in result.error["message"]


class _WrongWeights(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"these are no weights" * 100)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror():
    with ThreadingHTTPServer(("127.0.0.1", 0), _WrongWeights) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {"FACEUNLOCK_WEIGHTS_MIRROR": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()
        thread.join()


def test_a_mirror_with_wrong_weights_gets_one_clear_error(faceunlock, mirror):
    for model in ("casia-webface", "vggface2", "retail-0095"):
        result = faceunlock("models", "pull", model, "--json", env=mirror)
        assert result.code == 2
        assert result.error["code"] in {"weights-corrupt", "download-failed"}
        assert result.stderr.count("faceunlock: ") == 1
        listed = {m["id"]: m["weights"] for m in faceunlock("models", "--json").data["models"]}
        assert listed[model] == "absent", "nothing wrong may stay in the cache"


def test_a_mirror_that_is_gone_gets_one_clear_error(faceunlock):
    gone = {"FACEUNLOCK_WEIGHTS_MIRROR": "http://127.0.0.1:1"}
    result = faceunlock("models", "pull", "casia-webface", "--json", env=gone)
    assert result.code == 2 and result.error["code"] == "download-failed"
    assert result.error["retryable"] is True and "compact" in result.error["hint"]


def test_a_file_fetched_by_hand_is_checked(faceunlock, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"these are no weights")
    result = faceunlock("models", "pull", "vggface2", "--from", tmp_path / "weights.pt", "--json")
    assert result.code == 2 and result.error["code"] == "weights-corrupt"
    missing = faceunlock("models", "pull", "vggface2", "--from", tmp_path / "missing.pt", "--json")
    assert missing.code == 2 and missing.error["code"] == "weights-missing"


@pytest.fixture
def published(weights_folder):
    """A server with the published files of `retail-0095`; the list says what was asked for."""
    requested = []

    def respond(handler):
        name = handler.path.rpartition("/")[2]
        requested.append(f"{handler.command} {name}")
        answer((weights_folder / "retail-0095" / name).read_bytes())(handler)

    with serving(respond) as server:
        yield {"FACEUNLOCK_WEIGHTS_MIRROR": server.url}, requested


def test_an_empty_gallery_gets_the_recommended_model_from_a_mirror(prepared, pictures, published):
    """Fetched once and checked; without its weights nothing is compared, and nothing is lost."""
    mirror, requested = published
    enrolled = prepared("enroll", "Eileen", pictures / "few", env=mirror)
    assert enrolled.code == 0 and "model retail-0095." in enrolled.stdout
    assert enrolled.stderr.count("Downloading the weights of retail-0095 (3 MB), only this once") == 1
    file = "face-reidentification-retail-0095"
    assert requested == [f"HEAD {file}.xml", f"GET {file}.xml", f"GET {file}.bin"]
    assert prepared("verify", pictures / "unseen.jpg", "--as", "Eileen").code == 0
    checked = prepared("models", "verify", "retail-0095")
    assert checked.stdout.endswith("prepared networks good\n"), checked
    weights = prepared.home / "cache" / "weights" / "retail-0095.safetensors"
    weights.unlink()
    gone = prepared("verify", pictures / "unseen.jpg", "--as", "Eileen", "--json")
    assert gone.code == 2 and gone.error["code"] == "weights-missing"
    assert f"faceunlock --home {prepared.home} models pull retail-0095" in gone.error["hint"]
    again = prepared("models", "pull", "retail-0095", env=mirror)
    assert again.code == 0 and weights.exists()


def test_status_of_a_fresh_installation(faceunlock):
    result = faceunlock("status")
    assert result.code == 0 and result.stderr == ""
    assert result.stdout.startswith(f"data        {faceunlock.home}\n")
    assert "\npeople      0\nstrangers   none" in result.stdout
    assert "\nprotection  not sealed" in result.stdout
    assert result.stdout.endswith("\nproblems    none\n")
    data = faceunlock("status", "--json").data
    assert data["data"] == str(faceunlock.home) and data["people"] == [] and data["problems"] == []
    assert not faceunlock.home.exists()


def test_home_may_be_named_on_the_command_line(enrolled, faceunlock):
    for words in (("--home", enrolled.home, "status"), ("status", "--home", enrolled.home)):
        assert "people      1: Eileen\n" in faceunlock(*words).stdout


def test_an_option_after_the_command_wins(faceunlock):
    result = faceunlock("--model", "vggface2", "status", "--model", "dlib", "--json")
    assert result.data["model"]["id"] == "dlib"
    assert faceunlock("--model", "vggface2", "status", "--json").data["model"]["id"] == "vggface2"


def test_settings_come_from_file_and_environment_and_are_checked(faceunlock):
    faceunlock.home.mkdir(mode=0o700)
    (faceunlock.home / "config.toml").write_text("min_photos = 7\n")
    settings = faceunlock("status", "--json", env={"FACEUNLOCK_MIN_SHARPNESS": "5"}).data["settings"]
    assert (settings["min_photos"], settings["min_sharpness"]) == (7, 5.0)
    for env in ({"FACEUNLOCK_MIN_PHOTOS": "1"}, {"FACEUNLOCK_DEVICE": "gpu"}, {"FACEUNLOCK_TARGET_FMR": "x"}):
        result = faceunlock("status", "--json", env=env)
        assert result.code == 2 and result.error["code"] == "bad-setting"
        assert next(iter(env)) in result.error["message"]
    (faceunlock.home / "config.toml").write_text("min_foto = 7\n")
    result = faceunlock("people", "--json")
    assert result.error["code"] == "bad-setting" and "min_foto" in result.error["message"]


def test_status_names_what_is_wrong(enrolled):
    enrolled.home.chmod(0o777)
    result = enrolled("status", "--json")
    assert result.code == 0
    assert any(str(enrolled.home) in problem for problem in result.data["problems"])
    told = enrolled("status").stdout.partition("\nproblems\n  ")[2]
    assert str(enrolled.home) in told


@pytest.mark.parametrize("command", ["people", "status", "models", "models verify", "people show Eileen"])
def test_every_document_is_one_line_of_ascii(enrolled, command):
    result = enrolled(*command.split(), "--json")
    assert result.code == 0 and result.stdout.isascii() and result.stdout.count("\n") == 1
    assert result.document["command"] == command.removesuffix(" Eileen")
    assert result.stdout == json.dumps(result.document) + "\n"
