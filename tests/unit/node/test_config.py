"""node.toml: what is refused says which key, why, and the nearest one that exists."""

from __future__ import annotations

import socket

import pytest

from node.clock import DevelopmentClock, RealClock
from node.config import load_config
from node.daemon import check_ports
from node.errors import CityError

GOOD = (
    'name = "Shenzhen"\n[listen]\npeer = "127.0.0.1:0"\n[peers]\n"Hong Kong" = "hk.example:41061"\n'
)


def load(tmp_path, text):
    path = tmp_path / "node.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_a_small_file_is_enough_and_paths_are_relative_to_it(tmp_path):
    config = load(tmp_path, GOOD)
    assert config.channel_dir == tmp_path.resolve() / "channels" / "main"
    assert config.peers == {"Hong Kong": "hk.example:41061"}


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("name = x", "CITY-8002", "line 1"),
        ('nmae = "x"\n', "CITY-8003", "did you mean name?"),
        (GOOD + "[crypto]\nbakend = 'auto'\n", "CITY-8003", "did you mean crypto.backend?"),
        (GOOD + "[listne]\n", "CITY-8003", "did you mean listen?"),
        (GOOD.replace(":0", ":70000"), "CITY-8004", "listen.peer"),
        (GOOD.replace(":0", ""), "CITY-8004", "host:port"),
        (GOOD + "[crypto]\nbackend = 'own'\n", "CITY-8004", "crypto.backend"),
        (GOOD + "[keys]\ndevelopment = 'yes'\n", "CITY-8004", "keys.development"),
        ('[listen]\npeer = "127.0.0.1:0"\n', "CITY-8004", "name"),
        ('name = "x"\nlisten = 5\n', "CITY-8004", "listen"),
    ],
)
def test_a_bad_file_is_refused_with_the_key_and_the_reason(tmp_path, text, code, says):
    with pytest.raises(CityError) as caught:
        load(tmp_path, text)
    assert caught.value.code == code and says in caught.value.message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CityError, match="CITY-8001"):
        load_config(tmp_path / "none.toml")


def test_a_port_in_use_is_named_before_anything_starts(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = holder.getsockname()[1]
        config = load(tmp_path, f'name = "x"\n[listen]\napi = "127.0.0.1:{port}"\n')
        with pytest.raises(CityError) as caught:
            check_ports(config)
    assert caught.value.code == "CITY-8005" and f":{port} for api" in caught.value.message


def test_the_development_clock_adds_the_shared_offset(tmp_path):
    file = tmp_path / "clock_offset_ms"
    assert abs(DevelopmentClock(file).now_ms() - RealClock().now_ms()) < 60_000
    file.write_text("86400000\n")
    assert DevelopmentClock(file).now_ms() - RealClock().now_ms() > 86_000_000
    file.write_text("-86400000\n")  # a story that lies in the past
    assert DevelopmentClock(file).now_ms() - RealClock().now_ms() < -86_000_000
    file.write_text("not a number")
    assert abs(DevelopmentClock(file).now_ms() - RealClock().now_ms()) < 60_000
