"""GET /officer/figures: figures in words, a chart beside, and who sees them."""

import codecs
from datetime import UTC, datetime

from lxml import etree, html

from exchange import canonical
from exchange.forms.report import GROUPS, TIMES
from exchange.hub.desk.figures import CHART, CHART_POLICY, FIGURES
from exchange.hub.desk.figures_help import EXPLAINED, HELP, column
from exchange.hub.officers.sessions import FRESH
from tests.hub.publishing import published
from tests.hub.test_officer_files import said_and_rows
from tests.officer import logged_in
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Simulator


async def counted(sim: Simulator) -> None:
    """Let letters under five consents be counted in March and in April, and both be frozen."""
    for first in (datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)):
        sim.now = first
        for one in [await sim.consent(uses="recurring") for _ in range(5)]:
            await sim.sent(one)
    sim.now = datetime(2026, 7, 20, tzinfo=UTC)
    await published(sim)


def chosen(sim: Simulator, period: str, by: str = "total") -> str:
    return f"?agreement={sim.agreement_id}&period={period}&by={by}"


async def test_figures_stand_in_tables_with_the_chart_as_a_picture(sim: Simulator) -> None:
    await counted(sim)
    desk, _ = await logged_in(sim)
    page = (await desk.get(FIGURES + chosen(sim, "2026-Q2"))).body.decode()
    assert "Vereinbarung zum Erhalt von Wohnraum, 2026-Q2, all together" in page
    assert "April 2026: 5" in page
    assert "<script" not in page

    # Each table of the months follows its picture.
    shown = html.fromstring(page).xpath("//img[@class='chart']")
    assert len(html.fromstring(page).xpath("//table")) == 2 * (len(GROUPS) + 1)
    for image, name in zip(shown, ("documents", "consents"), strict=True):
        assert image.get("src") == f"{CHART}{chosen(sim, '2026-Q2')}&of={name}"
        assert image.getparent().getnext().tag == "table"
        chart = await desk.get(image.get("src"))
        assert chart.headers["Content-Type"] == "image/svg+xml"
        assert chart.headers["Content-Security-Policy"] == CHART_POLICY
        assert etree.fromstring(chart.body).tag.endswith("svg")
        assert (await desk.get(f"{CHART}{chosen(sim, '2026-04')}&of={name}")).status == 404
    for of in ("", "&of=persons", f"&of={TIMES}"):  # of times there is nothing to show
        assert (await desk.get(CHART + chosen(sim, "2026-Q2") + of)).status == 404


async def test_without_a_choice_the_newest_month_of_the_first_agreement_is_shown(
    sim: Simulator,
) -> None:
    sim.now = datetime(2026, 4, 20, tzinfo=UTC)
    await published(sim)
    desk, _ = await logged_in(sim)
    assert ", 2026-03, all together" in (await desk.get(FIGURES)).body.decode()


async def test_codes_have_their_names(sim: Simulator) -> None:
    await counted(sim)
    desk, _ = await logged_in(sim)
    page = (await desk.get(f"{FIGURES}{chosen(sim, '2026-04', 'category')}&lang=de")).body.decode()
    assert "nach Art der Unterlage" in page
    assert "Mietschuld" in page
    assert "rent-arrears-letter" not in page.partition("<table>")[2]


async def test_before_they_are_frozen_the_page_says_when_they_will_be(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    page = (await desk.get(FIGURES + chosen(sim, "2026-12"))).body.decode()
    assert "established on 15 January 2027" in page
    assert "<table>" not in page


async def test_what_is_no_period_is_told_and_never_repeated_as_markup(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    told = await desk.get(f"{FIGURES}?period=2026-1")
    assert told.status == 400
    assert b"no period" in told.body
    for query in ("period=%3Cb%3E", "by=person"):
        answer = await desk.get(f"{FIGURES}?{query}")
        assert answer.status == 400
        assert b"<b>" not in answer.body


async def test_parties_and_auditors_see_figures_and_nobody_else(sim: Simulator) -> None:
    await counted(sim)
    query = chosen(sim, "2026-Q2")
    for role, agency in (("officer", SENDER), ("officer", RECIPIENT), ("auditor", None)):
        desk, _ = await logged_in(sim, role, agency)  # type: ignore[arg-type]
        assert (await desk.get(FIGURES + query)).status == 200
        assert (await desk.get(f"{CHART}{query}&of=consents")).status == 200
    for role, agency in (("officer", OUTSIDER), ("operator", None)):
        desk, _ = await logged_in(sim, role, agency)  # type: ignore[arg-type]
        absent = await desk.get("/officer/nothing")
        for path in (FIGURES + query, f"{CHART}{query}&of=consents"):
            hidden = await desk.get(path)
            assert (hidden.status, hidden.body) == (404, absent.body)
    stranger, _ = await logged_in(sim, "officer", OUTSIDER)
    assert b"no agreement" in (await stranger.get(FIGURES)).body


async def test_what_is_shown_is_taken_away_as_pdf_table_and_json(sim: Simulator) -> None:
    await counted(sim)
    query = chosen(sim, "2026-Q2", "category")
    for role in ("officer", "auditor"):
        desk, _ = await logged_in(sim, role)
        assert f'action="{FIGURES}.pdf"' in (await desk.get(FIGURES + query)).body.decode()
        found = {one: await desk.get(f"{FIGURES}.{one}{query}") for one in ("pdf", "csv", "json")}
        assert {one.status for one in found.values()} == {200}
        assert found["pdf"].body.startswith(b"%PDF-")
        said, rows = said_and_rows(found["csv"].body.removeprefix(codecs.BOM_UTF8))
        assert said["asked.agreement"] == sim.agreement_id
        assert (said["asked.period"], said["asked.by"], said["k"]) == ("2026-Q2", "category", "5")
        assert said["agency"] == (RECIPIENT if role == "officer" else "")
        assert said["frozen_at"] != ""
        assert int(said["checkpoint.size"]) > 0
        assert "nowhere" in said["notes.persons"]
        assert ("2026-Q2", "category", "rent-arrears-letter") in {
            (one["period"], one["by"], one["value"]) for one in rows
        }
        told = canonical.loads(found["json"].body, limit=10**6)
        values = [row["value"] for row in told["answer"]["rows"]]
        assert told["question"] == "statistics"
        assert "rent-arrears-letter" in values
        assert told["asked"]["agreement"] == sim.agreement_id
        named = f'filename="figures-{sim.agreement_id}-2026-Q2-category.csv"'
        assert named in found["csv"].headers["Content-Disposition"]
        sim.now += FRESH
        assert (await desk.get(f"{FIGURES}.csv{query}")).headers["Location"] == "/officer/proof"
    looks = await sim.log("officer-export")
    # Of the officer, an auditor has no chain: one for the page, one for each file.
    assert [one["count"] for one in looks] == [0, 0, 0, 0]
    assert len({one["officer"] for one in looks}) == 1


async def test_files_of_figures_are_for_parties_and_auditors(sim: Simulator) -> None:
    await counted(sim)
    query = chosen(sim, "2026-Q2")
    for role, agency in (("officer", OUTSIDER), ("operator", None)):
        desk, _ = await logged_in(sim, role, agency)  # type: ignore[arg-type]
        absent = await desk.get("/officer/nothing")
        for ending in ("pdf", "csv", "json"):
            assert (await desk.get(f"{FIGURES}.{ending}{query}")).body == absent.body


async def test_every_column_leads_to_its_explanation_in_both_languages(sim: Simulator) -> None:
    await counted(sim)
    desk, _ = await logged_in(sim)
    for lang in ("de", "en"):
        page = html.fromstring(
            (await desk.get(f"{FIGURES}{chosen(sim, '2026-04')}&lang={lang}")).body
        )
        links = [one.get("href") for one in page.xpath("//thead//th//a")]
        help_page = html.fromstring((await desk.get(f"{HELP}?lang={lang}")).body)
        places = {f"{HELP}#{one}" for one in help_page.xpath("//@id")}

        assert {*links} == {column(name) for name in EXPLAINED}
        assert {*links} <= places
        assert {one.partition("#")[2] for one in help_page.xpath("//nav//a/@href")} >= {*EXPLAINED}
        assert len(page.xpath("//thead//th[position() > 1]")) == len(links)


async def test_the_explanations_are_for_whoever_sees_figures(sim: Simulator) -> None:
    for role, agency, status in (
        *(("officer", SENDER, 200), ("officer", OUTSIDER, 200), ("auditor", None, 200)),
        ("operator", None, 404),
    ):
        desk, _ = await logged_in(sim, role, agency)  # type: ignore[arg-type]
        assert (await desk.get(HELP)).status == status
