"""exchange.registry: only named plugins, only whole ones, and never a silent failure (A84)."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange import registry
from exchange.canonical import Json
from exchange.errors import Misconfigured
from exchange.hookspecs import AGENCY_GROUP, FILES, HUB_GROUP, Capabilities
from exchange.registry import Named
from tests.plugins.kitchen import install

CHANNEL = """
    from exchange.hookspecs import hookimpl

    class Channel:
        key = "{key}"
        async def send(self, notice):
            pass

    @hookimpl
    def register_channels(settings):
        return [Channel()]
"""
VETO = """
    from exchange.hookspecs import hookimpl

    class Veto:
        key = "{key}"
        async def forbids(self, asked):
            return True

    @hookimpl
    def register_gate_vetoes():
        return [Veto()]
"""
FORMAT = """
    from exchange.hookspecs import Capabilities, hookimpl

    class Format:
        capabilities = Capabilities(
            profiles=frozenset({{"{key}"}}), media_types=frozenset({{"text/plain"}}),
            max_size=1, name_alphabet="*",
        )
        async def convert(self, package, target):
            return []

    @hookimpl
    def register_intake_formats(settings):
        return [Format()]
"""

Add = Callable[..., Named]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Install plugins of one module each; they are gone after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def add(
        name: str, source: str, *, group: str = HUB_GROUP, settings: dict[str, Json] | None = None
    ) -> Named:
        (tmp_path / f"module_{name}.py").write_text(textwrap.dedent(source))
        install(tmp_path, name, group, f"module_{name}")
        return Named(name=name, settings=settings or {})

    yield add
    for module in set(sys.modules) - before:
        if module.startswith("module_"):
            del sys.modules[module]


def test_a_named_plugin_is_loaded_and_its_adapter_found_by_key(add: Add) -> None:
    loaded = registry.load(HUB_GROUP, [add("pigeon", CHANNEL.format(key="pigeon"))])
    assert set(registry.channels(loaded)) == {"pigeon"}
    assert registry.gate_vetoes(loaded) == {}


def test_installed_is_not_enabled(add: Add) -> None:
    add("pigeon", "raise SystemExit('imported all the same')")
    assert registry.channels(registry.load(HUB_GROUP, [])) == {}


def test_each_kind_of_adapter_is_found(add: Add) -> None:
    hub = registry.load(HUB_GROUP, [add("night", VETO.format(key="night"))])
    agency = registry.load(
        AGENCY_GROUP, [add("plain", FORMAT.format(key=FILES), group=AGENCY_GROUP)]
    )
    assert set(registry.gate_vetoes(hub)) == {"night"}
    assert isinstance(registry.intake_formats(agency)[FILES].capabilities, Capabilities)


def test_a_plugin_of_the_other_group_is_not_found(add: Add) -> None:
    plugin = add("plain", FORMAT.format(key=FILES), group=AGENCY_GROUP)
    with pytest.raises(Misconfigured, match=r"plain.*entry point in exchange\.hub"):
        registry.load(HUB_GROUP, [plugin])


def test_a_plugin_that_is_not_installed_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match=r"pigeon.*not installed"):
        registry.load(HUB_GROUP, [Named(name="pigeon")])


def test_a_plugin_installed_twice_stops_the_start(
    add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = add("pigeon", CHANNEL.format(key="pigeon"))
    install(tmp_path / "second", "pigeon", HUB_GROUP, "module_pigeon")
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    with pytest.raises(Misconfigured, match="not installed exactly once"):
        registry.load(HUB_GROUP, [plugin])


def test_an_entry_point_given_twice_by_a_distribution_stops_the_start(
    add: Add, tmp_path: Path
) -> None:
    plugin = add("pigeon", CHANNEL.format(key="pigeon"))
    install(tmp_path, "other", HUB_GROUP, "x", distribution="exchange-plugin-pigeon")
    install(tmp_path, "pigeon", HUB_GROUP, "y", distribution="exchange-plugin-pigeon")
    with pytest.raises(Misconfigured, match="pigeon"):
        registry.load(HUB_GROUP, [plugin])


def test_an_entry_point_squatted_by_another_distribution_is_not_seen(
    add: Add, tmp_path: Path
) -> None:
    plugin = add("pigeon", CHANNEL.format(key="pigeon"))
    install(tmp_path, "pigeon", HUB_GROUP, "squatter", distribution="aaa-squatter")
    assert set(registry.channels(registry.load(HUB_GROUP, [plugin]))) == {"pigeon"}


def test_a_distribution_named_in_the_settings_is_the_one_that_is_loaded(
    add: Add, tmp_path: Path
) -> None:
    add("pigeon", CHANNEL.format(key="pigeon"))
    install(tmp_path, "owl", HUB_GROUP, "module_pigeon", distribution="nocturnal")
    plugin = registry.named("owl", {"distribution": "nocturnal", "speed": 3})
    assert plugin == Named(name="owl", distribution="nocturnal", settings={"speed": 3})
    assert set(registry.channels(registry.load(HUB_GROUP, [plugin]))) == {"pigeon"}


def test_a_distribution_that_is_no_text_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match="owl"):
        registry.named("owl", {"distribution": 5})


def test_a_plugin_without_a_name_stops_the_start() -> None:
    with pytest.raises(Misconfigured):
        Named(name="")


def test_a_plugin_named_twice_stops_the_start(add: Add) -> None:
    plugin = add("pigeon", CHANNEL.format(key="pigeon"))
    with pytest.raises(Misconfigured, match="twice"):
        registry.load(HUB_GROUP, [plugin, plugin])


@pytest.mark.parametrize(
    "source",
    ["raise ValueError('secret')", "raise SystemExit(0)", "import no_such_module", "def"],
    ids=["raises", "leaves", "misses", "syntax"],
)
def test_a_plugin_that_fails_on_import_stops_the_start_and_is_named(add: Add, source: str) -> None:
    with pytest.raises(Misconfigured, match="plugin pigeon") as refusal:
        registry.load(HUB_GROUP, [add("pigeon", source)])
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("mark", ["@hookimpl", "@hookimpl(optionalhook=True)"])
def test_a_misspelt_hook_stops_the_start_and_is_named(add: Add, mark: str) -> None:
    source = f"""
        from exchange.hookspecs import hookimpl

        {mark}
        def register_chanels(settings):
            return []
    """
    with pytest.raises(Misconfigured, match=r"pigeon.*register_chanels"):
        registry.load(HUB_GROUP, [add("pigeon", source)])


def test_a_hook_with_an_unknown_argument_stops_the_start(add: Add) -> None:
    source = """
        from exchange.hookspecs import hookimpl

        @hookimpl
        def register_channels(settings, keys):
            return []
    """
    with pytest.raises(Misconfigured, match="pigeon"):
        registry.load(HUB_GROUP, [add("pigeon", source)])


def test_a_plugin_without_a_hook_stops_the_start(add: Add) -> None:
    with pytest.raises(Misconfigured, match=r"pigeon.*no hook"):
        registry.load(HUB_GROUP, [add("pigeon", "x = 1")])


def hook(body: str) -> str:
    return f"""
        from exchange.errors import Misconfigured
        from exchange.hookspecs import hookimpl

        class Synchronous:
            key = "pigeon"
            def send(self, notice):
                pass

        class Keyless:
            async def send(self, notice):
                pass

        @hookimpl
        def register_channels(settings):
            {body}
    """


@pytest.mark.parametrize(
    "body",
    [
        "return None",
        "return 5",
        "return 'pigeon'",
        "return [None]",
        "return [Synchronous()]",
        "return [Keyless()]",
        "raise ValueError(settings['password'])",
        "raise SystemExit(settings['password'])",
    ],
)
def test_a_hook_that_returns_something_else_or_raises_stops_the_start(add: Add, body: str) -> None:
    plugin = add("pigeon", hook(body), settings={"password": "swordfish"})
    loaded = registry.load(HUB_GROUP, [plugin])
    if body == "return None":
        assert registry.channels(loaded) == {}  # pluggy's word for "nothing to add"
        return
    with pytest.raises(Misconfigured, match="plugin pigeon") as refusal:
        registry.channels(loaded)
    assert "swordfish" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_hook_that_is_asynchronous_stops_the_start(add: Add) -> None:
    source = hook("return []").replace("def register", "async def register")
    with pytest.raises(Misconfigured, match="plugin pigeon"):
        registry.channels(registry.load(HUB_GROUP, [add("pigeon", source)]))


def test_a_plugin_says_itself_what_is_wrong_with_its_settings(add: Add) -> None:
    loaded = registry.load(HUB_GROUP, [add("pigeon", hook("raise Misconfigured('`loft` is')"))])
    with pytest.raises(Misconfigured, match="plugin pigeon: `loft` is"):
        registry.channels(loaded)


def test_two_adapters_for_one_key_stop_the_start_and_both_are_named(add: Add) -> None:
    plugins = [add(name, CHANNEL.format(key="pigeon")) for name in ("one", "two")]
    with pytest.raises(Misconfigured, match="one and two both provide pigeon"):
        registry.channels(registry.load(HUB_GROUP, plugins))


def test_two_formats_for_one_profile_stop_the_start(add: Add) -> None:
    plugins = [add(name, FORMAT.format(key=FILES), group=AGENCY_GROUP) for name in ("one", "two")]
    with pytest.raises(Misconfigured, match="one and two"):
        registry.intake_formats(registry.load(AGENCY_GROUP, plugins))


def test_a_plugin_receives_its_own_settings_and_no_other(add: Add) -> None:
    source = """
        from exchange.hookspecs import hookimpl

        class Channel:
            def __init__(self, settings):
                self.key = settings["key"]
                self.settings = settings
            async def send(self, notice):
                pass

        @hookimpl
        def register_channels(settings):
            return [Channel(settings)]
    """
    plugins = [add(name, source, settings={"key": name}) for name in ("one", "two")]
    found = registry.channels(registry.load(HUB_GROUP, plugins))
    assert {key: getattr(found[key], "settings", None) for key in found} == {
        "one": {"key": "one"},
        "two": {"key": "two"},
    }


def test_a_wrapper_sees_no_other_plugin(add: Add) -> None:
    wrapper = """
        from exchange.hookspecs import hookimpl

        @hookimpl(wrapper=True)
        def register_channels(settings):
            seen = yield
            assert seen == [], "sees another plugin's adapters"
            return []
    """
    plugins = [add("one", CHANNEL.format(key="pigeon")), add("two", wrapper)]
    assert set(registry.channels(registry.load(HUB_GROUP, plugins))) == {"pigeon"}


def test_settings_stay_out_of_the_representation_of_a_plugin() -> None:
    assert "swordfish" not in repr(Named(name="pigeon", settings={"password": "swordfish"}))


def test_the_code_of_a_plugin_is_found_without_importing_it(add: Add, tmp_path: Path) -> None:
    plugin = add("pigeon", "raise SystemExit('imported')")
    assert registry.code_of(HUB_GROUP, plugin) == (tmp_path / "module_pigeon.py",)
    folder = registry.code_of(AGENCY_GROUP, Named(name="folder"))
    assert [path.name for path in folder] == ["exchange_plugin_folder"]


def test_code_that_is_not_there_is_none(add: Add, tmp_path: Path) -> None:
    plugin = add("pigeon", "")
    (tmp_path / "module_pigeon.py").unlink()
    assert registry.code_of(HUB_GROUP, plugin) == ()
