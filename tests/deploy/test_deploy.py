"""
The files that start Signpost on a machine: well formed, restarting, without secrets, naming settings that exist.
"""

import os
import plistlib
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from worker.settings import SETTINGS

DEPLOY = Path(__file__).parents[2] / "deploy"
PLISTS = sorted((DEPLOY / "launchd").glob("*.plist"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
WITH_ENVIRONMENT = DEPLOY / "launchd" / "with-environment"


@pytest.mark.parametrize("file", PLISTS, ids=lambda file: file.stem)
def test_a_launchd_daemon_comes_back_and_runs_as_its_own_user(file: Path) -> None:
    daemon = _plist(file)

    assert daemon["Label"] == file.stem
    assert (daemon["RunAtLoad"], daemon["KeepAlive"]) == (True, True)
    assert daemon["ThrottleInterval"] >= 10
    assert daemon["UserName"] == "signpost"
    assert daemon["Umask"] == 0o077
    assert all(Path(argument).is_absolute() for argument in daemon["ProgramArguments"][:3])
    assert all(Path(daemon[key]).is_absolute() for key in ("StandardOutPath", "StandardErrorPath"))


def test_the_daemons_run_the_commands_they_are_named_after() -> None:
    commands = {file.stem: _plist(file)["ProgramArguments"][-1] for file in PLISTS}

    assert commands == {"dev.signpost.signpost": "up", "dev.signpost.worker": "worker"}


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_a_systemd_unit_comes_back_and_is_hardened(file: Path) -> None:
    lines = set(file.read_text().splitlines())

    assert {"Restart=always", "StartLimitIntervalSec=0", "User=signpost"} <= lines
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "CapabilityBoundingSet="} <= lines
    assert {"EnvironmentFile=/etc/signpost/signpost.env", "UMask=0077"} <= lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_systemd_finds_nothing_wrong_with_a_unit(file: Path, tmp_path: Path) -> None:
    # systemd looks whether the program is there; on this machine another one stands in for it.
    unit = tmp_path / file.name
    unit.write_text(file.read_text().replace("/opt/signpost/venv/bin/signpost", sys.executable))
    dropin = tmp_path / f"{file.name}.d"
    dropin.mkdir()
    shutil.copy(DEPLOY / "systemd" / "gpu.conf", dropin)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (said.returncode, [line for line in said.stderr.splitlines() if file.name in line]) == (0, [])


def test_every_setting_named_here_exists() -> None:
    known = {setting.name for setting in SETTINGS}
    named = {
        name
        for file in DEPLOY.rglob("*")
        if file.is_file()
        for name in re.findall(r"SIGNPOST_[A-Z_]*[A-Z]", file.read_text(encoding="utf-8"))
    }

    assert named - known == set()


def test_the_example_holds_no_secret() -> None:
    lines = (DEPLOY / "signpost.env.example").read_text().splitlines()
    set_here = [line for line in lines if line and not line.startswith("#")]

    assert set_here
    assert all(line.endswith("=") for line in set_here)


def test_the_readme_names_every_file() -> None:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    files = [str(file.relative_to(DEPLOY)) for file in DEPLOY.rglob("*") if file.is_file() and file.name != "README.md"]

    assert [name for name in files if f"`{name}`" not in readme] == []


def test_the_container_copies_every_package_and_runs_as_nobody_special() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    copied = {line.split()[1] for line in lines if re.fullmatch(r"COPY (\w+) \1", line)}

    assert copied == {"bot", "graph", "inference", "training", "worker"}
    assert "USER signpost" in lines


def test_the_settings_file_is_read_literally(tmp_path: Path) -> None:
    file = _settings(
        tmp_path,
        '# comment\n\nSIGNPOST_A=$(touch /tmp/never) `id` $HOME\nSIGNPOST_B="quoted = value"\n'
        "SIGNPOST_C='single'\nSIGNPOST_D=\nSIGNPOST_E=last line without its end",
    )
    code = "import os; print([os.environ['SIGNPOST_' + name] for name in 'ABCDE'])"
    said = _with_environment(file, sys.executable, "-c", code)

    assert said.stdout.strip() == str(
        ["$(touch /tmp/never) `id` $HOME", "quoted = value", "single", "", "last line without its end"]
    )


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_settings_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = _settings(tmp_path, "SIGNPOST_A=1\n", mode=mode)
    said = _with_environment(file, "echo", "started")

    assert (said.returncode, said.stdout) == (78, "")
    assert f"mode {mode:o}, but it holds secrets: chmod 600" in said.stderr


@pytest.mark.parametrize("line", ["no equals sign", "export A=1", "1A=2", "=x", "A B=c"])
def test_a_line_that_sets_nothing_is_named(tmp_path: Path, line: str) -> None:
    said = _with_environment(_settings(tmp_path, f"# first\n{line}\n"), "echo", "started")

    assert (said.returncode, said.stdout) == (78, "")
    assert "line 2 of" in said.stderr


def test_a_missing_settings_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    said = _with_environment(tmp_path / "none.env", "echo", "started")

    assert said.returncode == 78
    assert "copy deploy/signpost.env.example there" in said.stderr


def test_the_wrapper_becomes_the_command_so_that_signals_reach_it(tmp_path: Path) -> None:
    assert WITH_ENVIRONMENT.stat().st_mode & stat.S_IXUSR
    said = _with_environment(_settings(tmp_path, "A=1\n"), "sh", "-c", "kill -TERM $$")

    assert said.returncode == -15


def _plist(file: Path) -> dict[str, Any]:
    with file.open("rb") as content:
        loaded: dict[str, Any] = plistlib.load(content)
    return loaded


def _settings(folder: Path, text: str, *, mode: int = 0o600) -> Path:
    file = folder / "signpost.env"
    file.write_text(text)
    file.chmod(mode)
    return file


def _with_environment(file: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(WITH_ENVIRONMENT), str(file), *command],
        capture_output=True,
        text=True,
        timeout=20,
        env={"PATH": os.environ["PATH"]},
    )
