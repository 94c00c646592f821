"""The draft of an agreement: a commented TOML file, and the members it becomes."""

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from exchange.agreement.reading import notice_payload
from exchange.canonical import sha256_hex
from exchange.cli.drafts import beside, read_toml
from exchange.consent.render import plain
from exchange.consent.template import kind_of
from exchange.consent.texts import IN_AGREEMENTS, newest, read_texts
from exchange.consent.texts import shipped as shipped_texts
from exchange.days import begin_of, end_of
from exchange.errors import Malformed
from exchange.members import write_time
from exchange.vocabulary import NoticeText, read_vocabulary, shipped

LANGUAGES = ("de", "de-simple", "en")
"""Languages of the shipped texts."""

TEMPLATE = """\
# Draft of a cooperation agreement. Fill it in, then: exchange agreement propose {file}
# What is signed cannot be changed: a change is another agreement. Every agency named here is
# pinned before (exchange keys pin), and admitted by the hub.

id = "{id}"  # made for this draft; leave it
title = "Vereinbarung zum Erhalt von Wohnraum"
authority = "Landesbeauftragte für den Datenschutz"  # where a person can complain
collectors = ["agency-b"]  # parties that may collect consents
purposes = ["housing-loss"]  # codes of the vocabulary, or your own below

# Consent is the only basis of what goes through here, and refusing it costs the person nothing.
# Where that is not true, use no consent and not this system.
sole_basis = true
refusal_consequences = "none"

[term]
from = {today}
# Either a fixed last day ...
# until = 2027-06-30
# ... or to 31 December, then by one year at a time unless a party gives notice:
first_year = {year}
notice_months = 3

[[parties]]
agency = "{agency}"
name = "Full name of the office"
contact = "Street, town, telephone: how a person reaches it"
officer = "how a person reaches its privacy officer"
public_label = "Amt 1"  # what the person's page shows first: it gives nothing away
body = "sgb35"  # sgb35: named in § 35 SGB I; public: other public body; private
secret_keeper = false  # true: its staff fall under § 203(1) StGB
benefit = true  # true: it decides about benefits

[[parties]]
agency = "agency-b"
name = "Full name of the partner"
contact = "Street, town, telephone"
officer = "how a person reaches its privacy officer"
public_label = "Beratungsstelle 3"
body = "private"
secret_keeper = true
benefit = false

# One flow is one direction. "Both ways" is two flows.
[[flows]]
from = "agency-b"
to = "{agency}"
categories = ["rent-arrears-letter", "tenancy-termination"]
secrecy = "professional"  # highest class that may go this way
release = "consent"  # each: the person sees every single document before it goes

# A private party undertakes to keep to the purpose (§ 78 SGB X) before anything is sent to it, by
# signing this agreement with the text `undertaking` in it; or name a `file` it has signed before.
[[undertakings]]
agency = "agency-b"

# What a person is shown, word for word: the shipped texts in these languages, and those of a
# folder of your own beside this file. Look at them with: exchange agreement texts
[texts]
languages = ["de", "de-simple", "en"]
# folder = "texts"

# What is settled on paper. With a secret keeper among the parties the operator of the hub must be
# bound to secrecy (§ 203 StGB); without a processing contract (Art. 28 GDPR) there is a warning.
# [[attestations]]
# code = "operator-bound-to-secrecy"
# date = {today}
# [[attestations]]
# code = "processing-contract"  # also: supervisory-notice, impact-assessment, staff-council
# date = {today}

[retention]
years = 3  # how long consents are kept after they ended, then to the end of the year
words.de = "drei Jahre nach ihrem Ende, dann bis zum Jahresende"
words.de-simple = "3 Jahre und bis zum Ende vom Jahr"
words.en = "three years after it ended, then to the end of that year"

[limits]
once_days = 183  # longest validity of a consent for one use
days = 366  # of any other consent; at most 731

[hub]
operator = "IT of the district"
storage_location = "Deutschland"
page = "hub.example/p/"

# A purpose or category of your own carries your agency's id.
# [vocabulary.purpose."{agency}/shelter-place"]
# class = "support"  # support, coordination or placement
# uses = "once"  # or recurring
# usual = ["appointment-note"]
# label.de = "einen Platz finden"
# label.de-simple = "Sie sollen einen Platz bekommen."
# label.en = "to find a place"
"""


def template(agency: str, *, today: date) -> str:
    """Return a commented draft, with a fresh id."""
    return TEMPLATE.format(
        agency=agency, id=uuid4(), today=today.isoformat(), year=today.year, file="FILE.toml"
    )


def read_draft(path: Path, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of an agreement from the draft in the file `path`.

    Lists are brought into their order, the texts and the entries used of the shipped vocabulary
    are copied in; what the members mean is checked by whoever reads the agreement.

    Args:
        path: a TOML file as `template` explains it.
        keys: `kid` of each agency that is pinned here.

    Raises:
        Malformed: not TOML, or not what the template explains.
        LintRefused: an own entry of the vocabulary breaks a rule.
    """
    draft = read_toml(path)
    try:
        notices = _texts(path, draft.pop("texts", {}))
        flows = sorted(map(_flow, draft["flows"]), key=lambda flow: (flow["from"], flow["to"]))
        parties = [_party(party, keys) for party in draft["parties"]]
        found = {
            "id": draft.pop("id"),
            "term": _term(draft.pop("term")),
            "parties": sorted(parties, key=lambda party: str(party["agency"])),
            "flows": flows,
            "collectors": sorted(draft.pop("collectors")),
            "purposes": sorted(draft.pop("purposes")),
            "notices": [notice_payload(text) for text in notices],
            "undertakings": sorted(
                [_undertaking(path, entry, notices) for entry in draft.pop("undertakings", [])],
                key=lambda entry: str(entry["agency"]),
            ),
            "attestations": sorted(
                [_attestation(entry) for entry in draft.pop("attestations", [])],
                key=lambda entry: str(entry["code"]),
            ),
        }
        used = frozenset(code for flow in flows for code in flow["categories"])
        own = read_vocabulary(draft.pop("vocabulary", {}))
        entries = shipped().joined(own).part(frozenset(found["purposes"]), used)
    except (KeyError, TypeError, AttributeError) as error:
        missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) else "wrong type"
        raise Malformed(f"{path.name} is not the draft of an agreement: {missing}") from None
    for name in ("flows", "parties"):
        del draft[name]
    return {**draft, **found, "vocabulary": entries.payload()}


def _term(term: dict[str, Any]) -> dict[str, Any]:
    found = {**term, "from": write_time(begin_of(_day(term["from"])))}
    if "until" in term:
        found["until"] = write_time(end_of(_day(term["until"])))
    return found


def _day(value: object) -> date:
    if type(value) is not date:  # a date with time is one too, and means something else
        raise Malformed("a day is written YYYY-MM-DD, without quotes")
    return value


def _party(party: dict[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    agency = party["agency"]
    if agency not in keys:
        raise Malformed(
            f"parties: {agency} is not pinned; have two persons compare its fingerprint, "
            f"then run: exchange keys pin {agency}"
        )
    return {**party, "kid": keys[agency]}


def _flow(flow: dict[str, Any]) -> dict[str, Any]:
    return {"release": "consent", **flow, "categories": sorted(flow["categories"])}


def _texts(draft: Path, wanted: dict[str, Any]) -> list[NoticeText]:
    """Return the shipped texts in the languages wanted and those of the agency's own folder."""
    languages = wanted.pop("languages", list(LANGUAGES))
    folder = wanted.pop("folder", None)
    if wanted:
        raise Malformed("texts: only languages and folder are known")
    own = () if folder is None else read_texts(beside(draft, folder))
    ours = [text for text in shipped_texts() if text.lang in languages]
    found = {text.key: text for text in (*ours, *own) if kind_of(text.id) in IN_AGREEMENTS}
    return sorted(found.values(), key=lambda text: text.key)


def _undertaking(
    draft: Path, entry: dict[str, Any], texts: Collection[NoticeText]
) -> dict[str, Any]:
    rest = {name: value for name, value in entry.items() if name != "file"}
    if "file" in entry:
        signed = beside(draft, entry["file"]).read_bytes()
    else:
        signed = plain(newest(texts, "undertaking", "de").text).encode("utf-8")
    return {**rest, "sha256": sha256_hex(signed)}


def _attestation(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "date": _day(entry["date"]).isoformat()}
