"""
The dashboard as a process: where it listens, what it prints, how it stops.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bot.dashboard.serve import AddressInUseError, is_public, open_socket, public_url
from worker.settings import Settings


def test_the_dashboard_serves_from_its_first_printed_line_and_stops_when_told(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bot.dashboard.seed", str(tmp_path / "home")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            link = process.stdout.readline().split()[0]
            page = httpx.get(link, trust_env=False, timeout=30)
        finally:
            process.send_signal(signal.SIGTERM)
        process.wait(20)

    assert page.status_code == 200
    assert link.startswith("http://127.0.0.1:")
    assert process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_the_dashboard_loads_without_torch() -> None:
    code = "import sys, bot.dashboard.serve; print({'torch', 'transformers', 'numpy'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "set()"


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with (
        open_socket("127.0.0.1", 0) as taken,
        pytest.raises(AddressInUseError, match="set SIGNPOST_DASHBOARD_PORT to a free port"),
    ):
        open_socket("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressInUseError, match=r"cannot listen on 192\.0\.2\.1"):
        open_socket("192.0.2.1", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_address_people_use_is_true() -> None:
    def url(environ: dict[str, str]) -> str:
        named = {f"SIGNPOST_DASHBOARD_{name}": value for name, value in environ.items()}
        return public_url(Settings.from_environment({"SIGNPOST_HOME": "/srv", **named}), port=4000)

    assert url({"PORT": "0"}) == "http://127.0.0.1:4000"
    assert url({"HOST": "0.0.0.0", "PORT": "4000"}) == "http://127.0.0.1:4000"  # noqa: S104
    assert url({"HOST": "::1", "PORT": "4000"}) == "http://[::1]:4000"
    assert url({"URL": "https://signpost.example.org/"}) == "https://signpost.example.org"


def test_plain_http_beyond_this_machine_is_noticed() -> None:
    assert [is_public(url) for url in ("http://10.0.0.5:8321", "http://localhost:1", "https://a.example")] == [
        True,
        False,
        False,
    ]
