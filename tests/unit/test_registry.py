"""exchange.registry: only named plugins, only whole ones, and never a silent failure (A84)."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange import registry
from exchange.canonical import Json
from exchange.errors import Misconfigured
from exchange.hookspecs import AGENCY_GROUP, FILES, HUB_GROUP, Capabilities, Declaration
from exchange.registry import Installed, Named
from tests.plugins.kitchen import install

DECLARED = """
    from exchange.hookspecs import Declaration, hookimpl

    @hookimpl
    def declare_plugin():
        return Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=False)
"""
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
    """Install plugins of one module each, declared unless told; they are gone after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def add(
        name: str,
        source: str,
        *,
        group: str = HUB_GROUP,
        declared: str = DECLARED,
        table: dict[str, Json] | None = None,
    ) -> Named:
        code = textwrap.dedent(declared) + textwrap.dedent(source)
        (tmp_path / f"module_{name}.py").write_text(code)
        install(tmp_path, name, group, f"module_{name}")
        return registry.named(name, table or {})

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


def test_a_plugin_that_registers_nothing_stops_the_start(add: Add) -> None:
    with pytest.raises(Misconfigured, match=r"pigeon.*registers nothing"):
        registry.load(HUB_GROUP, [add("pigeon", "x = 1")])


def declaring(words: str) -> str:
    return f"""
        from exchange.hookspecs import Declaration, hookimpl

        @hookimpl
        def declare_plugin():
            {words}
    """


def test_what_a_plugin_declares_is_kept_by_its_name(add: Add) -> None:
    loaded = registry.load(HUB_GROUP, [add("pigeon", CHANNEL.format(key="pigeon"))])
    assert loaded.declarations == {
        "pigeon": Declaration(contract=1, licence="EUPL-1.2", sees_plaintext=False)
    }


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ("", "does not declare itself"),
        (declaring("return None"), "does not declare itself"),
        (declaring("return {'contract': 1}"), "returned something else"),
        (declaring("raise ValueError('secret')"), "ended with ValueError"),
        (declaring("return Declaration(contract=1, licence='', sees_plaintext=False)"), "licence"),
        (
            declaring("return Declaration(contract=2, licence='MIT', sees_plaintext=False)"),
            "another contract than 1",
        ),
        (
            declaring("return Declaration(contract=0, licence='MIT', sees_plaintext=False)"),
            "another contract than 1",
        ),
        (
            declaring("return Declaration(contract=1, licence='MIT', sees_plaintext=True)"),
            "sees plaintext",
        ),
    ],
    ids=["missing", "none", "other", "raises", "licence", "newer", "older", "plaintext"],
)
def test_a_plugin_of_the_hub_that_declares_itself_badly_stops_the_start(
    add: Add, declared: str, complaint: str
) -> None:
    plugin = add("pigeon", CHANNEL.format(key="pigeon"), declared=declared)
    with pytest.raises(Misconfigured, match=f"plugin pigeon.*{complaint}") as refusal:
        registry.load(HUB_GROUP, [plugin])
    assert "secret" not in str(refusal.value)


def test_a_plugin_for_another_contract_hears_so_before_its_unknown_hooks(add: Add) -> None:
    declared = declaring("return Declaration(contract=2, licence='MIT', sees_plaintext=False)")
    plugin = add("pigeon", CHANNEL.format(key="x").replace("_channels", "_x"), declared=declared)
    with pytest.raises(Misconfigured, match="another contract than 1"):
        registry.load(HUB_GROUP, [plugin])


def test_a_plugin_of_an_agency_may_see_plaintext(add: Add) -> None:
    declared = declaring("return Declaration(contract=1, licence='MIT', sees_plaintext=True)")
    plugin = add("plain", FORMAT.format(key=FILES), group=AGENCY_GROUP, declared=declared)
    assert registry.load(AGENCY_GROUP, [plugin]).declarations["plain"].sees_plaintext


def test_two_answers_to_one_declaration_stop_the_start(add: Add) -> None:
    source = declaring("return Declaration(contract=1, licence='MIT', sees_plaintext=False)")
    wrapper = """
        from exchange.hookspecs import hookimpl

        @hookimpl(wrapper=True, specname="declare_plugin")
        def declare_again():
            return (yield) * 2
    """
    plugin = add("pigeon", CHANNEL.format(key="x") + textwrap.dedent(wrapper), declared=source)
    with pytest.raises(Misconfigured, match="plugin pigeon"):
        registry.load(HUB_GROUP, [plugin])


@pytest.mark.parametrize("member", ["addresses", "secrets", "reads"])
def test_what_only_workers_get_is_refused_in_the_settings_of_the_hub(add: Add, member: str) -> None:
    table: dict[str, Json] = {member: {"desk": "/srv/desk:1"}}
    plugin = add("pigeon", CHANNEL.format(key="pigeon"), table=table)
    with pytest.raises(Misconfigured, match=f"plugin pigeon.*`{member}`"):
        registry.load(HUB_GROUP, [plugin])


DELIVERY = """
    from exchange.hookspecs import hookimpl

    class Delivery:
        def __init__(self, settings, secrets):
            self.key, self.settings, self.secrets = "{key}", settings, secrets
        async def deliver(self, delivered, connections):
            pass

    @hookimpl
    def register_deliveries(settings, secrets):
        return [Delivery(settings, secrets)]
"""
OUTGOING = """
    from exchange.hookspecs import hookimpl

    class Outgoing:
        key, media_types, max_size = {constants}
        async def read(self, exported, target):
            raise AssertionError

    @hookimpl
    def register_outgoing_formats():
        return [Outgoing()]
"""
EVIDENCE = """
    from exchange.hookspecs import hookimpl

    class Verifier:
        key, media_types = {constants}
        async def verify(self, evidence):
            raise AssertionError

    @hookimpl
    def register_evidence_verifiers():
        return [Verifier()]
"""


def test_a_delivery_gets_the_secrets_of_its_own_plugin_and_no_other(add: Add) -> None:
    plugins = [
        add(name, DELIVERY.format(key=name), group=AGENCY_GROUP, table={"at": name})
        for name in ("case", "mail")
    ]
    loaded = registry.load(AGENCY_GROUP, plugins)
    found = registry.deliveries(loaded, {"case": {"token": "swordfish"}})
    assert {key: vars(adapter) for key, adapter in found.items()} == {
        "case": {"key": "case", "settings": {"at": "case"}, "secrets": {"token": "swordfish"}},
        "mail": {"key": "mail", "settings": {"at": "mail"}, "secrets": {}},
    }
    assert registry.deliveries(loaded).keys() == {"case", "mail"}


def test_outgoing_formats_and_evidence_verifiers_are_found_by_key(add: Add) -> None:
    sources = {
        "reader": OUTGOING.format(constants="'sheet', frozenset({'text/csv'}), 5"),
        "seal": EVIDENCE.format(constants="'seal', frozenset({'application/pdf'})"),
    }
    plugins = [add(name, source, group=AGENCY_GROUP) for name, source in sources.items()]
    loaded = registry.load(AGENCY_GROUP, plugins)
    assert registry.outgoing_formats(loaded)["sheet"].max_size == 5
    assert registry.evidence_verifiers(loaded)["seal"].media_types == {"application/pdf"}


@pytest.mark.parametrize(
    "constants",
    [
        "'', frozenset({'text/csv'}), 5",
        "5, frozenset({'text/csv'}), 5",
        "'sheet', frozenset(), 5",
        "'sheet', ['text/csv'], 5",
        "'sheet', frozenset({'text/csv'}), 0",
        "'sheet', frozenset({'text/csv'}), '5'",
        "property(lambda _: 1 / 0), frozenset({'text/csv'}), 5",
    ],
)
def test_an_adapter_whose_constants_do_not_fit_stops_the_start(add: Add, constants: str) -> None:
    plugin = add("reader", OUTGOING.format(constants=constants), group=AGENCY_GROUP)
    with pytest.raises(Misconfigured, match="plugin reader"):
        registry.outgoing_formats(registry.load(AGENCY_GROUP, [plugin]))


def test_the_members_of_the_exchange_are_taken_out_of_the_table() -> None:
    plugin = registry.named(
        "case",
        {
            "addresses": {"tool": "case.example:443"},
            "secrets": {"token": "/etc/token"},
            "reads": {"schemas": "/srv/schemas"},
            "speed": 3,
        },
    )
    assert plugin.addresses == {"tool": "case.example:443"}
    assert plugin.secrets == {"token": Path("/etc/token")}
    assert plugin.reads == {"schemas": Path("/srv/schemas")}
    assert plugin.settings == {"reads": {"schemas": "/srv/schemas"}, "speed": 3}


@pytest.mark.parametrize("member", ["addresses", "secrets", "reads"])
@pytest.mark.parametrize("value", [["x"], "x", {"x": 5}, {"x": ""}, {"x": {"y": "z"}}])
def test_a_member_of_the_exchange_that_is_no_table_of_texts_stops_the_start(
    member: str, value: Json
) -> None:
    with pytest.raises(Misconfigured, match=f"plugin case: `{member}`"):
        registry.named("case", {member: value})


def test_the_hooks_of_a_plugin_are_told(add: Add) -> None:
    plugins = [add("one", CHANNEL.format(key="one")), add("two", VETO.format(key="two"))]
    loaded = registry.load(HUB_GROUP, plugins)
    assert registry.hooks_of(loaded, "one") == {"declare_plugin", "register_channels"}
    assert registry.hooks_of(loaded, "two") == {"declare_plugin", "register_gate_vetoes"}


def test_what_is_installed_is_listed_and_not_imported(add: Add) -> None:
    add("pigeon", "raise SystemExit('imported')")
    add("owl", "raise SystemExit('imported')", group=AGENCY_GROUP)
    offers = registry.installed(HUB_GROUP)
    assert Installed(HUB_GROUP, "pigeon", "exchange-plugin-pigeon", "1") in offers
    assert {offer.group for offer in offers} == {HUB_GROUP}
    assert list(offers) == sorted(offers, key=lambda offer: offer.name)


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
    plugin = add("pigeon", hook(body), table={"password": "swordfish"})
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
    plugins = [add(name, source, table={"key": name}) for name in ("one", "two")]
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
    assert registry.code_of(HUB_GROUP, plugin) == (str(tmp_path / "module_pigeon.py"),)
    folder = registry.code_of(AGENCY_GROUP, Named(name="folder"))
    assert [Path(path).name for path in folder] == ["exchange_plugin_folder"]


def test_code_that_is_not_there_is_none(add: Add, tmp_path: Path) -> None:
    plugin = add("pigeon", "")
    (tmp_path / "module_pigeon.py").unlink()
    assert registry.code_of(HUB_GROUP, plugin) == ()


def test_a_plugin_that_was_located_is_not_looked_up_again(
    add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = registry.located(HUB_GROUP, add("pigeon", CHANNEL.format(key="pigeon")))
    monkeypatch.setattr(registry, "points_of", None)  # whoever asks it now fails
    assert registry.code_of(HUB_GROUP, plugin)
    assert set(registry.channels(registry.load(HUB_GROUP, [plugin]))) == {"pigeon"}


def test_what_is_not_installed_cannot_be_located() -> None:
    with pytest.raises(Misconfigured, match="not installed exactly once"):
        registry.located(HUB_GROUP, Named(name="pigeon"))
