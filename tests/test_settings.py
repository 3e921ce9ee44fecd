"""Settings: defaults, file, environment, and that nothing wrong is swallowed."""

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
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, word):
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(SettingsError, match=word) as caught:
        load_settings(config, {})
    assert caught.value.slug == "bad-setting"


@pytest.mark.parametrize("value", ["many", "1e9", ""])
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
