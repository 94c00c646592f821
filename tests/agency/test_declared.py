"""exchange.agency.declared: what a gateway tells of the plugins it runs."""

from collections.abc import Mapping
from typing import Any

import pytest

from exchange.agency import poll
from exchange.agency.declared import UNTOLD, published
from exchange.agency.settings import GatewaySettings
from exchange.hookspecs import CONTRACT, Declaration
from exchange.registry import version_of
from tests.agency.network import RECIPIENT, Network

MORE = """
[outgoing]
plugins = ["xdomea", "letters"]

[plugins.letters]
distribution = "not-installed"
"""


def settings(**named: Any) -> GatewaySettings:
    return GatewaySettings.model_validate(
        {"agency": "women-b", "hub": {"origin": "https://hub.example"}, **named}
    )


def declaration(**said: Any) -> Declaration:
    usual = {"contract": CONTRACT, "licence": "EUPL-1.2", "sees_plaintext": True}
    return Declaration(**{**usual, **said})


def test_a_gateway_tells_each_plugin_once_with_its_version_and_all_it_does() -> None:
    given = settings(
        intake={"plugin": "folder", "profiles": {"xdomea/3": "xdomea"}},
        outgoing={"plugins": ["xdomea"]},
        plugins={"folder": {"distribution": "not-installed"}},
    )

    folder, xdomea = published(given, {"xdomea": declaration(), "folder": None})

    assert (folder.name, folder.provides, folder.declared) == ("folder", ("intake",), None)
    assert (folder.distribution, folder.version) == ("not-installed", "")
    assert (xdomea.name, xdomea.provides) == ("xdomea", ("intake", "outgoing"))
    assert xdomea.distribution == "exchange-plugin-xdomea"
    assert xdomea.version == version_of("exchange-plugin-xdomea") != ""


def test_what_a_plugin_declares_is_told_in_its_words() -> None:
    said = {
        "licence": "MIT OR Apache-2.0",
        "sees_plaintext": False,
        "endpoints": ("mail server of the agency", "FHIR 4.0 server, e.g. of a hospital"),
        "stores": "its receipts, z. B. für Rückfragen; § 84 Abs. 2",
        "retention": "until 24:00 of the day",
    }

    (told,) = published(settings(), {"folder": declaration(**said)})

    assert told.declared is not None
    assert told.declared.model_dump() == said


@pytest.mark.parametrize(
    "address",
    [
        "dms.office.intern",
        "https://dms/api",
        "10.4.0.12",
        "[fd00::12]",
        "dms01:8443",
        "\\\\files\\cases",
        "post@office.example",
        "büro.intern:25",
        "db-2:1433",
        "2001:db8:0:1:2:3:4:5",
        "[2001:db8:0:1:2:3:4:5]:443",
    ],
)
def test_no_address_is_told_that_a_plugin_declares(address: str) -> None:
    declared = declaration(
        licence=f"LicenseRef {address}",
        endpoints=(address, f"archive ({address}) of the agency"),
        stores=f"copies at {address}",
        retention="a year",
    )

    (told,) = published(settings(), {"folder": declared})

    assert told.declared is not None
    assert told.declared.endpoints == (UNTOLD, f"archive {UNTOLD} of the agency")
    assert told.declared.stores == f"copies at {UNTOLD}"
    assert told.declared.licence == f"LicenseRef {UNTOLD}"
    assert address not in told.model_dump_json()


@pytest.mark.parametrize(
    "said",
    [
        {"licence": "x" * 129},
        {"endpoints": ("kind",) * 17},
        {"endpoints": ("",)},
        {"stores": "x" * 501, "retention": "a year"},
        {"stores": "all\nof it", "retention": "a year"},
        {"stores": "all \u202eof it", "retention": "a year"},
        {"stores": "all", "retention": "a \x1b[31myear"},
    ],
    ids=str,
)
def test_what_cannot_be_told_whole_is_not_told(said: Mapping[str, Any]) -> None:
    (told,) = published(settings(), {"folder": declaration(**said)})
    assert told.declared is None


def test_plugins_that_together_declare_more_than_a_hub_takes_are_told_by_name_alone() -> None:
    many = {f"p{number}": f"plugin{number}" for number in range(20)}
    given = settings(intake={"plugin": "folder", "profiles": many})
    wordy = declaration(endpoints=("k" * 128,) * 16)

    told = published(given, dict.fromkeys((*many.values(), "folder"), wordy))

    assert len(told) == 21
    assert not any(one.declared for one in told)


async def test_a_worker_of_every_plugin_is_asked_whatever_it_does(network: Network) -> None:
    """Also of those that nobody has needed yet; one that does not start stops no round for that."""
    file = network.offices[RECIPIENT].home.settings_file
    file.write_text(file.read_text().replace("\n[api]", MORE + "\n[api]"))
    async with network.receiving() as (gateway, reception):
        await poll.fetch(gateway, reception)
        await poll.fetch(gateway, reception)

    capabilities = network.double.agencies[RECIPIENT].capabilities
    assert capabilities is not None
    assert network.double.calls.count("put_capabilities") == 1, "nothing has changed since"
    told = {one.name: one.declared for one in capabilities.plugins or ()}
    assert set(told) == {"folder", "xdomea", "letters"}
    for name in ("folder", "xdomea"):
        declared = told[name]
        assert declared is not None
        assert (declared.licence, declared.sees_plaintext) == ("EUPL-1.2", True)
    assert told["letters"] is None
