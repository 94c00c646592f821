"""The record of processing (Art. 30 GDPR): what gateways tell of their plugins stands in it."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from exchange.canonical import encode
from exchange.cli.plugin_records import installed
from exchange.pages.words import read_words
from exchange.wire import officer_routes, routes
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer

HOME = "/officer/?lang=de"
DECLARED = {
    "licence": "EUPL-1.2",
    "sees_plaintext": True,
    "endpoints": ["case tool of the agency", "archive of the district"],
    "stores": "receipts of the archive",
    "retention": "a year",
}


def plugin(name: str, **told_by: object) -> dict[str, object]:
    """Return a plugin as a gateway tells it."""
    distribution = f"exchange-plugin-{name}"
    return {
        "name": name,
        "distribution": distribution,
        "version": "0.1.0",
        "provides": ["intake"],
        **told_by,
    }


async def tells(parties: Parties, agency: str, *plugins: dict[str, object]) -> Answer:
    """Publish what the gateway of an agency runs."""
    body = {"max_size": 1000, "plugins": plugins}
    return await parties.call(agency, routes.PUT_CAPABILITIES, id=agency, json=body)


@pytest.fixture
async def parties(tmp_path: Path) -> AsyncIterator[Parties]:
    simulator = Parties(tmp_path)
    async with simulator.running():
        await simulator.arrange()
        yield simulator


async def recorded(parties: Parties) -> Any:
    """Return the record of the agreement, as a party's officer is told it."""
    shown = await parties.call(COLLECTOR, officer_routes.ART30, id=parties.agreement_id)
    assert shown.status == 200, shown.body
    return shown.json["answer"]


async def test_plugins_of_gateways_stand_in_the_record_and_not_in_the_directory(
    parties: Parties,
) -> None:
    runs = {
        "name": "xdomea",
        "distribution": "exchange-plugin-xdomea",
        "version": "0.1.0",
        "provides": ["intake"],
    }
    for agency, plugins in ((SENDER, [runs]), (RECIPIENT, [])):
        body = {"max_size": 1000, "plugins": plugins}
        put = await parties.call(agency, routes.PUT_CAPABILITIES, id=agency, json=body)
        assert put.status == 200, put.body

    record = await recorded(parties)

    (seen,) = record["plugins"]
    assert (seen["name"], seen["version"], seen["agency"]) == ("xdomea", "0.1.0", SENDER)
    assert (seen["side"], seen["sees_plaintext"], seen["licence"]) == ("agency", True, None)
    findings = [one for one in record["findings"] if not one.startswith("not-attested:")]
    assert f"declarations-at-agency:{SENDER}" in findings
    assert not any(one.endswith(RECIPIENT) for one in findings), "it has said that it runs none"
    assert f"plugins-not-told:{PARTY}" in findings
    for caller, told_to in ((SENDER, [runs]), (RECIPIENT, None), (OUTSIDER, None)):
        entry = await parties.call(caller, routes.AGENCY, id=SENDER)
        assert entry.json["capabilities"].get("plugins") == told_to
        listed = (await parties.call(caller, routes.AGENCIES)).json["agencies"]
        (mine,) = [one for one in listed if one["id"] == SENDER]
        assert mine["capabilities"].get("plugins") == told_to


async def test_what_plugins_of_gateways_declare_stands_in_the_record(parties: Parties) -> None:
    stored = await tells(
        parties,
        SENDER,
        plugin("archive", declared=DECLARED),
        plugin("folder", declared={**DECLARED, "endpoints": [], "stores": "", "retention": ""}),
    )
    assert stored.status == 200, stored.body
    await tells(parties, RECIPIENT, plugin("folder", declared=DECLARED), plugin("xdomea"))
    denies = plugin("folder", declared={**DECLARED, "sees_plaintext": False})
    await tells(parties, PARTY, denies)

    record = await recorded(parties)

    seen = {(one["agency"], one["name"]): one for one in record["plugins"]}
    members = ("endpoints", "stores", "retention", "licence")
    archive, folder = seen[SENDER, "archive"], seen[SENDER, "folder"]
    assert {name: archive[name] for name in members} == {name: DECLARED[name] for name in members}
    assert (folder["endpoints"], folder["stores"], folder["retention"]) == ([], "", "")
    assert [seen[RECIPIENT, "xdomea"][name] for name in members] == [None] * 4
    assert all(one["sees_plaintext"] for one in record["plugins"]), "each is given documents"
    assert [one for one in record["findings"] if not one.startswith("not-attested:")] == [
        f"plaintext-denied:{PARTY}",
        f"plugins-not-told:{COLLECTOR}",
        f"declarations-at-agency:{RECIPIENT}",
    ]
    for caller, shown in ((PARTY, [denies]), (SENDER, None), (OUTSIDER, None)):
        entry = await parties.call(caller, routes.AGENCY, id=PARTY)
        assert entry.json["capabilities"].get("plugins") == shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"licence": ""},
        {"licence": "EUPL\u202e-1.2"},
        {"licence": "x" * 129},
        {"sees_plaintext": "yes"},
        {"sees_plaintext": None},
        {"endpoints": ["kind"] * 17},
        {"endpoints": ["a\nb"]},
        {"endpoints": "kind"},
        {"stores": "x" * 501},
        {"stores": "a\u001b[2Jb"},
        {"retention": "x" * 201},
        {"host": "dms.intern"},
    ],
    ids=str,
)
async def test_a_declaration_of_another_shape_is_refused_and_changes_nothing(
    parties: Parties, wrong: dict[str, object]
) -> None:
    kept = plugin("folder", declared=DECLARED)
    await tells(parties, SENDER, kept)

    refused = await tells(parties, SENDER, plugin("folder", declared={**DECLARED, **wrong}))

    assert refused.status == 400, refused.body
    entry = await parties.call(SENDER, routes.AGENCY, id=SENDER)
    assert entry.json["capabilities"]["plugins"] == [kept]


async def test_what_nobody_could_read_again_is_not_stored(parties: Parties) -> None:
    """A body of exactly the limit grows by what it leaves out: the directory would be lost."""
    body: dict[str, Any] = {"max_size": 1000, "media_types": ["\U0001d11e" * 124] * 127}
    room = routes.JSON_LIMIT - len(encode({**body, "profiles": [""]}))
    body["profiles"] = ["a" * 61] * (room // 64) + ["a" * (room % 64)]
    assert len(encode(body)) == routes.JSON_LIMIT

    refused = await parties.call(SENDER, routes.PUT_CAPABILITIES, id=SENDER, json=body)

    assert refused.status == 413
    assert (await parties.call(RECIPIENT, routes.AGENCIES)).status == 200


async def test_plugins_stand_on_the_page_of_the_record_in_words(parties: Parties) -> None:
    runs = {"name": "xdomea", "distribution": "exchange-plugin-xdomea", "version": "0.1.0"}
    told_by = {"max_size": 1000, "plugins": [{**runs, "provides": ["intake", "outgoing"]}]}
    put = await parties.call(SENDER, routes.PUT_CAPABILITIES, id=SENDER, json=told_by)
    assert put.status == 200, put.body
    desk, _ = await logged_in(parties, agency=COLLECTOR)

    record = await desk.get(f"/officer/agreements/{parties.agreement_id}?lang=en")
    processor = await desk.get("/officer/agreements/processor?lang=en")

    page = record.body.decode()
    assert record.status == 200
    assert "xdomea 0.1.0" in page
    assert "convert what arrives, read what goes out" in page
    assert f"{SENDER}: its gateway does not say of every plugin" in page
    assert "women-b" not in processor.body.decode()
    assert "The hub runs no plugin." in processor.body.decode()


async def test_the_record_names_its_agreement_and_its_parties_as_its_tables_do(
    parties: Parties,
) -> None:
    desk, _ = await logged_in(parties, agency=SENDER)

    record = (await desk.get(f"/officer/agreements/{parties.agreement_id}?lang=de")).body.decode()
    processor = (await desk.get("/officer/agreements/processor?lang=de")).body.decode()
    stranger, _ = await logged_in(parties, agency=OUTSIDER)
    nothing = (await stranger.get("/officer/agreements/processor?lang=de")).body.decode()

    told = await recorded(parties)
    assert f"<bdi>{told['title']}</bdi>" in record
    for one in told["controllers"]:
        assert f"{one['name']} ({one['agency']}); {one['contact']}" in record
    assert f"({SENDER}); " in processor
    assert f"Prüfsummen der Vereinbarungen: <code>{parties.agreement}</code>" in record
    assert "Prüfsummen der Vereinbarungen" not in nothing


@pytest.mark.parametrize(
    ("lang", "end", "notice"),
    [
        ("de", "Nächstes mögliches Ende, diesen Tag eingeschlossen", "eingegangen sein bis"),
        ("en", "Next possible end, that day included", "must have arrived by"),
    ],
)
async def test_an_agreement_says_when_it_can_end_and_leads_to_its_figures(
    parties: Parties, lang: str, end: str, notice: str
) -> None:
    desk, _ = await logged_in(parties, agency=SENDER)

    page = html.fromstring((await desk.get(f"/officer/agreements?lang={lang}")).body)
    of_it = f"/officer/agreements/{parties.agreement_id}?lang={lang}"
    record = html.fromstring((await desk.get(of_it)).body)

    facts = {
        " ".join(one.findtext("dt").split()): " ".join(one.find("dd").text_content().split())
        for one in page.findall(".//dl[@class='facts']/div")
    }
    days = {"de": ("31.12.2026", "30.09.2026"), "en": ("31 December 2026", "30 September 2026")}
    assert facts[end] == days[lang][0]
    assert next(day for label, day in facts.items() if notice in label) == days[lang][1]
    assert parties.agreement_id in facts.values()
    assert parties.agreement_id in record.text_content()
    figures = f"/officer/figures?agreement={parties.agreement_id}"
    for one in (page, record):
        assert figures in one.xpath("//a/@href")
    assert (await desk.get(figures)).status == 200


async def test_only_who_looks_at_consents_reads_that_it_leaves_a_trace(parties: Parties) -> None:
    officer, _ = await logged_in(parties, agency=SENDER)
    auditor, _ = await logged_in(parties, "auditor", None)
    home = {"officer": await officer.get(HOME), "auditor": await auditor.get(HOME)}
    pages = {role: page.body.decode() for role, page in home.items()}

    trace, ends = "Jeder Blick in eine Einwilligung", "Nach 30 Minuten ohne Klick"
    assert trace in pages["officer"]
    assert trace not in pages["auditor"]
    assert all(ends in page for page in pages.values())


async def test_what_a_plugin_declares_stays_text_on_the_page(parties: Parties) -> None:
    markup = "<script>alert(1)</script>"
    hostile = {
        "licence": markup,
        "sees_plaintext": True,
        "endpoints": ["mail server of the agency", "<b>archive</b>"],
        "stores": "<img src=x onerror=alert(1)>",
        "retention": "&amp;",
    }
    await tells(parties, SENDER, plugin("folder", declared=hostile))
    await tells(parties, PARTY, plugin("folder", declared={**hostile, "sees_plaintext": False}))
    desk, _ = await logged_in(parties, agency=COLLECTOR)

    pages = {
        lang: (await desk.get(f"/officer/agreements/{parties.agreement_id}?lang={lang}")).body
        for lang in ("de", "en")
    }

    page = pages["en"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;img src=x onerror=alert(1)&gt; (&amp;amp;)" in page
    assert "mail server of the agency, &lt;b&gt;archive&lt;/b&gt;" in page
    assert f"{PARTY}: a plugin declares that it sees no documents" in page
    assert "Mailserver der Stelle, &lt;b&gt;archive&lt;/b&gt;" in pages["de"].decode()


def test_every_system_that_a_plugin_of_ours_speaks_with_has_its_words() -> None:
    ours = [one for one in installed() if one.offer.distribution.startswith("exchange-plugin-")]
    kinds = {kind for one in ours if one.declared for kind in one.declared.endpoints}

    texts = files("exchange.hub.desk").joinpath("texts/answers")
    for lang in ("de", "en"):
        words = read_words(texts, lang)
        assert {kind for kind in kinds if not words.knows(f"art30.system.{kind}")} == set()
    assert "case tool of the agency" in kinds
