"""The agreements of an agency with term, notice, parties and flows; and the record of each."""

from typing import Final

from aiohttp import web

from exchange.days import last_day
from exchange.forms.account import Fact, Said
from exchange.hub.answers.agreements import AgreementSeen, FlowSeen, PartySeen, list_agreements
from exchange.hub.answers.art30 import Art30, Processor, record_processing
from exchange.hub.answers.art30_hub import ProcessorRecord, record_of_processor
from exchange.hub.answers.processing import Erasing, PluginSeen
from exchange.hub.desk.codes import Codes
from exchange.hub.desk.figures import FIGURES
from exchange.hub.desk.shell import Place, Visit
from exchange.pages.words import Words

AGREEMENTS: Final = "/officer/agreements"
PROCESSOR: Final = f"{AGREEMENTS}/processor"
PAGE: Final = 20
_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


async def show(visit: Visit) -> web.StreamResponse:
    """Show a page of agreements."""
    found = await list_agreements(
        visit.hub, visit.asker, after=visit.fields.get("after"), limit=PAGE
    )
    return visit.page(
        "agreements.html",
        agreements=[(one, _facts(visit, one), _flows(visit, one.flows)) for one in found.answer],
        base=AGREEMENTS,
        figures=FIGURES,
        processor=PROCESSOR,
        next=found.next,
    )


async def show_record(visit: Visit) -> web.StreamResponse:
    """Show the record of processing activities of one agreement, to read and to print."""
    found = await record_processing(visit.hub, visit.asker, visit.in_path())
    record = found.answer
    return visit.page(
        "art30.html",
        facts=_record(visit, found.asked.agreement, record),
        flows=_flows(visit, record.recipients),
        plugins=_plugins(visit.say, record.plugins),
        findings=_findings(visit.say, record.findings),
        digests=[record.generated_from.agreement],
        settings=record.generated_from.settings_sha256,
        made=visit.say.moment(found.answered_at),
        agreement=found.asked.agreement,
        figures=FIGURES,
        processor=PROCESSOR,
    )


async def show_processor(visit: Visit) -> web.StreamResponse:
    """Show what the hub does on behalf of the agency, to read and to print."""
    found = await record_of_processor(visit.hub, visit.asker)
    record = found.answer
    return visit.page(
        "art30.html",
        facts=_of_processor(visit.say, record),
        plugins=_plugins(visit.say, record.plugins),
        findings=_findings(visit.say, record.findings),
        digests=record.generated_from.agreements,
        settings=record.generated_from.settings_sha256,
        made=visit.say.moment(found.answered_at),
    )


PLACES: Final = (
    Place(path=AGREEMENTS, page=show, part="agreements"),
    Place(path=PROCESSOR, page=show_processor),
    Place(path=f"{AGREEMENTS}/{{id:{_ID}}}", page=show_record),
)


def _facts(visit: Visit, one: AgreementSeen) -> list[Fact]:
    say = visit.say
    facts = [
        _fact(say, "id", one.id),
        _fact(say, "state", say(f"agreement.is_{one.state}")),
        _fact(say, "begins", say.moment(one.begins)),
    ]
    if one.ends_at is not None:
        facts.append(_fact(say, "ends", say.day(last_day(one.ends_at))))
    if one.next_end is not None:
        facts.append(_fact(say, "next_end", say.day(last_day(one.next_end))))
    if one.notice_by is not None:
        facts.append(_fact(say, "notice_by", say.day(last_day(one.notice_by))))
    parties = [
        _party(say, party.name, party.agency, party.signed_at is not None) for party in one.parties
    ]
    codes = Codes(visit.lang)
    return [
        *facts,
        _fact(say, "parties", *parties),
        _fact(say, "purposes", *(codes.purpose(code) for code in one.purposes)),
    ]


def _party(say: Words, name: str, agency: str, signed: bool) -> str:
    text = f"{name} ({agency})"
    return text if signed else say("agreement.unsigned", party=text)


def _flows(visit: Visit, flows: tuple[FlowSeen, ...]) -> list[list[str]]:
    codes = Codes(visit.lang)
    return [
        [
            one.sender,
            one.recipient,
            "; ".join(codes.category(code) for code in one.categories),
            visit.say(f"secrecy.{one.secrecy}"),
        ]
        for one in flows
    ]


def _record(visit: Visit, agreement: str, record: Art30) -> list[Fact]:
    say, codes = visit.say, Codes(visit.lang)
    return [
        _of(say, "agreement", record.title),
        _fact(say, "id", agreement),
        _of(say, "controllers", *(_controller(say, one) for one in record.controllers)),
        _of(say, "purposes", *(codes.purpose(code) for code in record.purposes)),
        _of(say, "subjects", *(say(f"art30.{one}") for one in record.subjects)),
        _of(say, "data", *(_data(visit, codes, one.category, one.special) for one in record.data)),
        _of(say, "third_countries", say("art30.none")),
        _of(say, "legal_basis", *(say(f"art30.basis.{one}") for one in record.legal_basis)),
        _of(say, "erasure", *(_erasing(say, one) for one in record.erasure)),
        _of(say, "measures", *(say(f"art30.{one}") for one in record.measures)),
        _of(say, "processor", *_runs(say, record.processor)),
    ]


def _of_processor(say: Words, record: ProcessorRecord) -> list[Fact]:
    facts = []
    if (one := record.controller) is not None:
        facts.append(_of(say, "controller_one", _controller(say, one)))
    return [
        *facts,
        *(_of(say, "processor", *_runs(say, one)) for one in record.processors),
        _of(say, "processing", *(say(f"art30.{one}") for one in record.processing)),
        _of(say, "third_countries", say("art30.none")),
        _of(say, "measures", *(say(f"art30.{one}") for one in record.measures)),
        _of(say, "erasure", *(_erasing(say, one) for one in record.erasure)),
    ]


def _controller(say: Words, one: PartySeen) -> str:
    """Return who is responsible, with the id that the tables and findings use."""
    name = f"{one.name} ({one.agency})"
    return say("art30.controller", name=name, contact=one.contact, officer=one.officer)


def _runs(say: Words, processor: Processor) -> tuple[str, ...]:
    contract = (
        say("art30.no_contract")
        if processor.contract is None
        else say("art30.contract_of", day=say.day(processor.contract))
    )
    return processor.operator, processor.hub, processor.location, contract


def _plugins(say: Words, plugins: tuple[PluginSeen, ...]) -> list[list[str]]:
    return [
        [
            f"{one.name} {one.version}",
            say("art30.the_hub") if one.agency is None else one.agency,
            ", ".join(say(f"art30.does.{kind}") for kind in one.provides)
            or say("art30.does.notices"),
            say("art30.yes") if one.sees_plaintext else say("art30.no"),
            say(f"art30.{one.runs_in}"),
            *_declared(say, one),
        ]
        for one in plugins
    ]


def _declared(say: Words, one: PluginSeen) -> tuple[str, str, str]:
    """Return with whom a plugin speaks, what it keeps, and its licence."""
    if one.endpoints is None:
        return (say("art30.at_agency"),) * 3
    speaks = ", ".join(_system(say, kind) for kind in one.endpoints) or say("art30.no_system")
    kept = f"{one.stores} ({one.retention})" if one.stores else say("art30.nothing")
    return speaks, kept, one.licence or ""


def _system(say: Words, kind: str) -> str:
    """Return a kind of system in words; one that only the plugin's author knows as declared."""
    key = f"art30.system.{kind}"
    return say(key) if say.knows(key) else kind


def _findings(say: Words, findings: tuple[str, ...]) -> list[str]:
    """Return findings in words: what is not attested has a sentence for each code."""
    told = []
    for finding in findings:
        code, _, about = finding.partition(":")
        key = about if code == "not-attested" else code
        told.append(say(f"art30.missing.{key}", agency=about))
    return told


def _erasing(say: Words, one: Erasing) -> str:
    """Return a class of retention in words; its period is a number of years or days."""
    return say(f"art30.after.{one.cls}", number="".join(filter(str.isdigit, one.period)))


def _data(visit: Visit, codes: Codes, category: str, special: bool) -> str:
    text = codes.category(category)
    return visit.say("art30.special", category=text) if special else text


def _fact(say: Words, key: str, *texts: str) -> Fact:
    return Fact(say(f"agreement.{key}"), tuple(map(Said, texts)))


def _of(say: Words, key: str, *texts: str) -> Fact:
    return Fact(say(f"art30.{key}"), tuple(map(Said, texts)))
