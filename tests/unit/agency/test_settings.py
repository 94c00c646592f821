"""exchange.agency.settings: what a gateway listens at and watches."""

from pathlib import Path

import pytest

from exchange.agency.settings import ApiSection, GatewaySettings, read_settings
from exchange.errors import Misconfigured


def written(tmp_path: Path, text: str) -> GatewaySettings:
    file = tmp_path / "gateway.toml"
    file.write_text(f'agency = "jobcentre-a"\n{text}\n[hub]\norigin = "https://hub.example"\n')
    return read_settings(file)


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8470", ("127.0.0.1", 8470)),
        ("127.9.9.9:1", ("127.9.9.9", 1)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:8470", ("::1", 8470)),
        ("", None),
    ],
)
def test_the_local_api_listens_at_this_machine_alone(
    listen: str, address: tuple[str, int] | None
) -> None:
    assert ApiSection(listen=listen).address == address


@pytest.mark.parametrize(
    "listen",
    [
        "0.0.0.0:8470",
        "[::]:8470",
        "192.168.1.5:8470",
        "gateway.example:8470",
        "localhost.example:8470",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:80 ",
        "127.0.0.1:٣",
        ":8470",
        "8470",
    ],
)
def test_another_address_stops_the_start(tmp_path: Path, listen: str) -> None:
    with pytest.raises(
        Misconfigured, match=r"api\.listen: address and port of this machine itself"
    ):
        written(tmp_path, f'[api]\nlisten = "{listen}"')


def test_watch_folders_are_off_unless_named(tmp_path: Path) -> None:
    watch = written(tmp_path, "").watch
    assert (watch.out, watch.into) == (None, None)

    watch = written(tmp_path, '[watch]\nout = "ausgang"\ninto = "/srv/eingang"').watch
    assert (watch.out, watch.into) == (Path("ausgang"), Path("/srv/eingang"))
