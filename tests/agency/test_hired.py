"""exchange.agency.hired: which plugins a gateway says it runs."""

from exchange.agency.hired import published
from exchange.agency.settings import GatewaySettings
from exchange.registry import version_of


def test_a_gateway_tells_each_plugin_once_with_its_version_and_all_it_does() -> None:
    given = GatewaySettings.model_validate(
        {
            "agency": "women-b",
            "hub": {"origin": "https://hub.example"},
            "intake": {"plugin": "folder", "profiles": {"xdomea/3": "xdomea"}},
            "outgoing": {"plugins": ["xdomea"]},
            "plugins": {"folder": {"distribution": "not-installed"}},
        }
    )

    folder, xdomea = published(given)

    assert (folder.name, folder.provides) == ("folder", ("intake",))
    assert (folder.distribution, folder.version) == ("not-installed", "")
    assert (xdomea.name, xdomea.provides) == ("xdomea", ("intake", "outgoing"))
    assert xdomea.distribution == "exchange-plugin-xdomea"
    assert xdomea.version == version_of("exchange-plugin-xdomea") != ""
