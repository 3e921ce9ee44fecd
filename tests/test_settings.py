"""Settings: defaults, file, environment, and that nothing wrong is swallowed."""

import os
from pathlib import Path

import pytest

from faceunlock.errors import SettingsError
from faceunlock.settings import SETTINGS, Settings, load_settings, locate


def test_every_setting_has_a_field_and_a_default_in_range():
    defaults = load_settings(Path("does-not-exist"), {})
    assert set(SETTINGS) == set(Settings.__slots__)
    for key, setting in SETTINGS.items():
        assert getattr(defaults, key) == setting.default
        if not isinstance(setting.default, str):
            assert setting.low <= setting.default <= setting.high


def test_the_environment_wins_over_the_file(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('max_megapixels = 20\ndevice = "cpu"\nbusy_seconds = 3\n')
    settings = load_settings(config, {"FACEUNLOCK_MAX_MEGAPIXELS": "30"})
    assert (settings.max_megapixels, settings.device, settings.busy_seconds) == (30, "cpu", 3.0)
    assert settings.max_pixels == 30_000_000


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("maxmegapixels = 3", "unknown setting"),
        ("max_megapixels = 0", "between 1 and 1000"),
        ("max_megapixels = true", "of type int"),
        ('max_megapixels = "many"', "of type int"),
        ("target_fmr = nan", "between"),
        ('device = "tpu"', "one of auto, cpu, cuda"),
        ("device = ", "not a TOML file"),
        ("min_photos = " + 5000 * "9", "not a TOML file"),
        ("device = " + 5000 * "[", "not a TOML file"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, word):
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(SettingsError, match=word) as caught:
        load_settings(config, {})
    assert caught.value.slug == "bad-setting"


@pytest.mark.parametrize("value", ["many", "1e9", 5000 * "9"])
def test_a_wrong_environment_is_refused(value):
    with pytest.raises(SettingsError, match="FACEUNLOCK_MIN_PHOTOS"):
        load_settings(Path("does-not-exist"), {"FACEUNLOCK_MIN_PHOTOS": value})


def test_a_config_that_is_a_directory_or_not_text_is_refused(tmp_path):
    with pytest.raises(SettingsError):
        load_settings(tmp_path, {})
    binary = tmp_path / "config.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError):
        load_settings(binary, {})


def test_home_comes_from_the_option_then_the_environment_then_the_platform(tmp_path):
    assert locate(tmp_path, {"FACEUNLOCK_HOME": "/elsewhere"}).data == tmp_path
    assert locate(None, {"FACEUNLOCK_HOME": str(tmp_path)}).config == tmp_path / "config.toml"
    assert "faceunlock" in str(locate(None, {}).data)


def test_a_path_that_no_system_takes_is_no_traceback(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / ("a" * 300) / "config.toml", {})
    assert caught.value.slug == "bad-setting"


def test_an_empty_variable_counts_as_not_set(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('model = "compact"\n')
    empty = {f"FACEUNLOCK_{key.upper()}": "" for key in SETTINGS}
    assert load_settings(config, empty) == load_settings(config, {})
    assert locate(None, {"FACEUNLOCK_HOME": ""}) == locate(None, {})


def test_an_empty_home_is_not_this_folder():
    with pytest.raises(SettingsError) as caught:
        locate("", {})
    assert caught.value.slug == "usage"


@pytest.mark.parametrize("home", [None, "not/absolute"])
def test_without_a_home_directory_nothing_is_written_here(home, monkeypatch):
    def nobody(_):
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    with pytest.raises(SettingsError) as caught:
        locate(None, {})
    assert caught.value.slug == "no-home" and "--home" in caught.value.hint
    assert locate("/srv/faces", {}).data == Path("/srv/faces")


LIMITS = {key: setting for key, setting in SETTINGS.items() if setting.stricter and not setting.choices}


def test_the_limits_of_attempts_are_known_as_such():
    assert {key for key, setting in SETTINGS.items() if setting.stricter} == {
        *LIMITS,
        "decode_apart",
        "security",
        "texture",
    }
    assert set(LIMITS) == {"failures_before_wait", "wait_seconds", "failures_before_lock", "log_entries"}


@pytest.mark.parametrize("key", LIMITS)
@pytest.mark.parametrize("in_file", [True, False])
def test_the_environment_only_makes_limits_stricter(tmp_path, key, in_file):
    setting = LIMITS[key]
    config = tmp_path / "config.toml"
    kind = type(setting.default)
    usual = kind(setting.default / 2) if in_file else setting.default
    if in_file:
        config.write_text(f"{key} = {usual}\n")
    down = setting.stricter == "lower"
    strict, loose = kind(usual - 1 if down else usual + 1), kind(usual + 1 if down else usual - 1)
    variable = f"FACEUNLOCK_{key.upper()}"
    for value in (strict, usual):
        assert getattr(load_settings(config, {variable: str(value)}), key) == value
    with pytest.raises(SettingsError, match="only make") as caught:
        load_settings(config, {variable: str(loose)})
    assert caught.value.slug == "bad-setting" and variable in caught.value.message


@pytest.mark.parametrize("chosen", [None, "auto", "relaxed", "normal", "strict"])
def test_the_environment_only_makes_security_stricter(tmp_path, chosen):
    config = tmp_path / "config.toml"
    if chosen is not None:
        config.write_text(f'security = "{chosen}"\n')
    order = {"relaxed": 0, "auto": 1, "normal": 1, "strict": 2}
    for value, rank in order.items():
        if rank >= order[chosen or "auto"]:
            assert load_settings(config, {"FACEUNLOCK_SECURITY": value}).security == value
            continue
        with pytest.raises(SettingsError, match="only make security stricter") as caught:
            load_settings(config, {"FACEUNLOCK_SECURITY": value})
        assert caught.value.slug == "bad-setting" and (chosen or "auto") in caught.value.message


def test_without_a_choice_each_task_has_its_usual_level(tmp_path):
    settings = load_settings(tmp_path / "none", {})
    assert settings.security == "auto"
    assert (settings.level(), settings.level("relaxed"), settings.level("strict")) == (
        "normal", "relaxed", "strict"
    )  # fmt: skip
    assert load_settings(tmp_path / "none", {"FACEUNLOCK_SECURITY": "strict"}).level("relaxed") == "strict"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_config_file_that_others_can_write_is_refused(tmp_path, mode):
    config = tmp_path / "config.toml"
    config.write_text("wait_seconds = 1\n")
    for good in (0o600, 0o644):
        config.chmod(good)
        assert load_settings(config, {}).wait_seconds == 1
    config.chmod(mode)
    with pytest.raises(SettingsError, match=f"{mode:04o}") as caught:
        load_settings(config, {})
    assert caught.value.slug == "insecure-permissions" and "chmod" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_config_file_of_another_user_is_refused(tmp_path):
    own, foreign, link = tmp_path / "config.toml", tmp_path / "foreign.toml", tmp_path / "link.toml"
    for file in (own, foreign):
        file.write_text("wait_seconds = 1\n")
    os.chown(foreign, 4242, 4242)
    link.symlink_to(own)
    assert load_settings(link, {}).wait_seconds == 1
    os.chown(link, 4242, 4242, follow_symlinks=False)
    for file in (foreign, link):
        with pytest.raises(SettingsError, match="uid 4242") as caught:
            load_settings(file, {})
        assert caught.value.slug == "insecure-permissions"


def test_a_pipe_in_the_place_of_the_config_file_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "config.toml", {})
    assert caught.value.slug == "bad-setting"
