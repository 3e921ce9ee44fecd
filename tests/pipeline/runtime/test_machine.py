import platform

from faceunlock.pipeline.runtime.machine import describe_machine


def test_linux_names_the_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\nmodel\t\t: 7\nmodel name\t: Abacus 3000 : fast\nmodel name\t: other\n"
    )
    assert describe_machine(cpuinfo).processor == "Abacus 3000 : fast"


def test_without_a_name_there_is_at_least_the_architecture(tmp_path):
    (tmp_path / "cpuinfo").write_bytes(b"Hardware : \xff\n")
    for file in ("cpuinfo", "missing"):
        machine = describe_machine(tmp_path / file)
        assert machine.processor in (platform.processor(), platform.machine()) and machine.processor
    assert machine.cores >= 1 and machine.system.startswith(platform.system())
    assert machine.python == platform.python_version()
