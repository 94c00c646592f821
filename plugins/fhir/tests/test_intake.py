"""The intake format `fhir`: one bundle that says what arrived, from whom, and under what."""

import base64
import dataclasses
import hashlib
import tracemalloc
from typing import Any

import pytest
from exchange_plugin_fhir.check import check, model, wrong_codes
from exchange_plugin_fhir.convert import register_intake_formats
from fhir.resources.R4B.observation import Observation

from exchange.canonical import Json
from exchange.errors import Malformed, Misconfigured
from exchange.hookspecs import Label
from plugins.fhir.tests.conftest import PDF, Office

FILE = ("application/pdf", PDF)
TEXT = ("text/plain", b"words")


def resources(bundle: Any, kind: str) -> list[Any]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def attachment(reference: Any) -> Any:
    return reference["content"][0]["attachment"]


def concepts(*listed: Any) -> list[tuple[str, str]]:
    return [(one["coding"][0]["system"], one["coding"][0]["code"]) for one in listed]


@pytest.fixture(params=["R4B", "R5"])
def version(request: pytest.FixtureRequest, office: Office) -> str:
    office.settings["version"] = request.param
    return str(request.param)


async def test_each_file_is_a_document_reference_to_its_content(
    office: Office, version: str
) -> None:
    bundle = await office.bundle(office.package(**{"März <1>.pdf": FILE, "b.txt": TEXT}))
    references = resources(bundle, "DocumentReference")
    assert [attachment(one)["title"] for one in references] == ["März <1>.pdf", "b.txt"]
    by_address = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    for reference, (media_type, content) in zip(references, (FILE, TEXT), strict=True):
        stated = attachment(reference)
        binary = by_address[stated["url"]]
        assert base64.b64decode(binary["data"]) == content
        assert binary["contentType"] == stated["contentType"] == media_type
        assert stated["size"] == (str(len(content)) if version == "R5" else len(content))
        assert base64.b64decode(stated["hash"]) == hashlib.sha1(content).digest()  # noqa: S324


async def test_every_entry_has_its_own_address(office: Office, version: str) -> None:
    package = office.package(**{"a.pdf": FILE, "b.txt": TEXT})
    bundle = await office.bundle(package)
    addresses = [entry["fullUrl"] for entry in bundle["entry"]]
    assert addresses == [f"urn:uuid:{entry['resource']['id']}" for entry in bundle["entry"]]
    assert len({*addresses, f"urn:uuid:{package.disclosure_id}"}) == len(addresses) + 1
    assert bundle["id"] == package.disclosure_id


async def test_a_document_says_its_kind_its_secrecy_and_the_file_number(
    office: Office, version: str
) -> None:
    package = dataclasses.replace(office.package(**{"a.pdf": FILE}), reference="17/2026")
    (document,) = resources(await office.bundle(package), "DocumentReference")
    assert document["type"]["text"] == "Mietrückstand"
    assert concepts(document["type"]) == [("urn:consent-exchange:category", "rent-arrears")]
    assert concepts(*document["securityLabel"]) == [
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R"),
        ("urn:consent-exchange:secrecy", "social"),
    ]
    digest = base64.urlsafe_b64encode(hashlib.sha256(PDF).digest()).decode().rstrip("=")
    assert document["identifier"] == [
        {"system": "urn:ietf:rfc:3986", "value": f"ni:///sha-256;{digest}"},
        {"system": "urn:consent-exchange:file-number", "value": "17/2026"},
    ]
    assert document["date"] == "2026-03-02T09:30:00Z"
    assert document["author"][0]["identifier"]["value"] == "jobcentre"
    assert document["author"][0]["display"] == "Jobcenter"


@pytest.mark.parametrize(
    ("secrecy", "code"),
    [("personal", "N"), ("social", "R"), ("professional", "R"), ("entrusted", "V"), ("new", "V")],
)
async def test_an_unknown_class_of_secrecy_is_the_strictest(
    office: Office, secrecy: str, code: str
) -> None:
    label = Label(secrecy, "Geheim", "secret")
    package = dataclasses.replace(office.package(**{"a.pdf": FILE}), secrecy=label)
    (document,) = resources(await office.bundle(package), "DocumentReference")
    assert concepts(document["securityLabel"][0])[0][1] == code


async def test_a_file_that_tells_of_other_persons_is_marked(office: Office, version: str) -> None:
    package = office.package(**{"a.pdf": FILE, "b.pdf": FILE})
    marked = dataclasses.replace(package.files[1], third_party=True)
    package = dataclasses.replace(package, files=(package.files[0], marked))
    first, second = resources(await office.bundle(package), "DocumentReference")
    assert len(first["securityLabel"]) == 2
    assert "andere Personen" in second["securityLabel"][2]["text"]


async def test_notice_and_remark_are_the_first_document(office: Office, version: str) -> None:
    package = dataclasses.replace(
        office.package(**{"a.pdf": FILE}), notice="Sie dürfen nicht.", remark="[x](javascript:y)"
    )
    bundle = await office.bundle(package)
    letter, _ = resources(bundle, "DocumentReference")
    assert attachment(letter)["contentType"] == "text/plain"
    assert letter["type"] == {"text": "Hinweise zu diesen Unterlagen"}
    text = base64.b64decode(resources(bundle, "Binary")[0]["data"]).decode()
    assert text == "Sie dürfen nicht.\n\n[x](javascript:y)"


async def test_the_consent_record_is_a_consent_of_r4(office: Office) -> None:
    package = office.package(**{"a.pdf": FILE})
    bundle = await office.bundle(package)
    (consent,) = resources(bundle, "Consent")
    (document,) = resources(bundle, "DocumentReference")
    terms = package.consent
    assert terms is not None
    assert consent["status"] == "active"
    assert consent["identifier"][0]["value"] == f"urn:uuid:{terms.id}"
    assert consent["patient"] == document["subject"]
    assert consent["patient"]["identifier"]["value"] == terms.subject_ref
    assert consent["dateTime"] == "2026-02-02T08:00:00Z"
    assert consent["policy"] == [{"uri": f"urn:consent-exchange:agreement:{terms.agreement}"}]
    provision = consent["provision"]
    assert provision["type"] == "permit"
    assert provision["period"] == {"start": "2026-02-02T08:00:00Z", "end": "2026-08-02T07:59:59Z"}
    assert provision["purpose"][0]["display"] == terms.purpose_words
    assert concepts(*provision["code"]) == [("urn:consent-exchange:category", "rent-arrears")]
    actors = [
        (concepts(actor["role"])[0][1], actor["reference"]["identifier"]["value"])
        for actor in provision["actor"]
    ]
    assert actors == [("CST", "jobcentre"), ("IRCP", "womens-advice")]
    assert provision["data"][0]["reference"]["reference"] == f"urn:uuid:{document['id']}"


async def test_the_consent_record_is_a_consent_of_r5(office: Office) -> None:
    office.settings["version"] = "R5"
    package = office.package(**{"a.pdf": FILE})
    (consent,) = resources(await office.bundle(package), "Consent")
    terms = package.consent
    assert terms is not None
    assert consent["decision"] == "permit"
    assert consent["date"] == "2026-02-02"
    assert consent["subject"]["identifier"]["value"] == terms.subject_ref
    assert consent["period"]["end"] == "2026-08-02T07:59:59Z"
    assert [one["identifier"]["value"] for one in consent["grantee"]] == ["womens-advice"]
    assert [one["identifier"]["value"] for one in consent["controller"]] == ["jobcentre"]
    assert concepts(*consent["provision"][0]["code"])[0][1] == "rent-arrears"
    assert consent["policyBasis"]["url"].endswith(terms.agreement)


async def test_the_provenance_says_who_disclosed_what_for_and_under_what(
    office: Office, version: str
) -> None:
    bundle = await office.bundle(office.package(**{"a.pdf": FILE}))
    (provenance,) = resources(bundle, "Provenance")
    (document,) = resources(bundle, "DocumentReference")
    (consent,) = resources(bundle, "Consent")
    assert provenance["target"] == [{"reference": f"urn:uuid:{document['id']}"}]
    assert provenance["agent"][0]["who"]["identifier"]["value"] == "jobcentre"
    assert provenance["entity"][0]["what"] == {"reference": f"urn:uuid:{consent['id']}"}
    purpose = (
        provenance["authorization"][0]["concept"] if version == "R5" else provenance["reason"][0]
    )
    assert concepts(purpose) == [("urn:consent-exchange:purpose", "housing")]


async def test_without_a_consent_nothing_is_said_of_one(office: Office, version: str) -> None:
    package = dataclasses.replace(office.package(**{"a.pdf": FILE}), consent=None)
    bundle = await office.bundle(package)
    assert resources(bundle, "Consent") == []
    assert "entity" not in resources(bundle, "Provenance")[0]
    assert "subject" not in resources(bundle, "DocumentReference")[0]


async def test_files_stand_in_the_bundle_while_there_is_room(office: Office) -> None:
    office.settings["inline"] = len(PDF) + 2
    package = office.package(**{"a.pdf": FILE, "b.TXT": TEXT, "c.txt": ("text/plain", b"ab")})
    assert await office.convert(package) == ["bundle.json", "attachment-002.txt"]
    assert (office.target / "attachment-002.txt").read_bytes() == TEXT[1]


async def test_a_file_beside_the_bundle_is_named_with_size_and_digest(
    office: Office, version: str
) -> None:
    office.settings["inline"] = 0
    bundle = await office.bundle(office.package(**{"a.pdf": FILE}))
    assert resources(bundle, "Binary") == []
    stated = attachment(resources(bundle, "DocumentReference")[0])
    assert stated["url"] == "attachment-001.pdf"
    assert stated["hash"] == base64.b64encode(hashlib.sha1(PDF).digest()).decode()  # noqa: S324


async def test_a_document_of_200_megabytes_is_never_in_memory(office: Office) -> None:
    package = office.package(**{"a.pdf": FILE})
    large = dataclasses.replace(package.files[0], size=200 << 20)
    with large.path.open("r+b") as content:
        content.truncate(large.size)
    office.target.mkdir()
    (intake_format,) = register_intake_formats({})
    package = dataclasses.replace(package, files=(large,))
    await intake_format.convert(dataclasses.replace(package, files=()), office.target)
    tracemalloc.start()
    await intake_format.convert(package, office.target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20
    assert (office.target / "attachment-001.pdf").stat().st_size == large.size


async def test_words_that_no_string_of_fhir_holds_are_replaced(
    office: Office, version: str
) -> None:
    package = dataclasses.replace(
        office.package(**{"a.pdf": FILE}),
        sender_name=" Amt\x00\x1b\ud800 ",
        reference="\n",
        remark="\ud800",
    )
    bundle = await office.bundle(package)
    documents = resources(bundle, "DocumentReference")
    assert documents[1]["author"][0]["display"] == "Amt\ufffd\ufffd\ufffd"
    assert len(documents[1]["identifier"]) == 1
    assert base64.b64decode(resources(bundle, "Binary")[0]["data"]) == b"?"


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("a.exe", "application/octet-stream", b"MZ"),
        ("a.html", "text/html", b"<p>"),
        ("a.pdf.exe", "application/pdf", b"%PDF-"),
        ("a", "application/pdf", b"%PDF-"),
        ("a.pdf", "application/pdf", b"MZ"),
        ("a.pdf", "application/pdf", b""),
        ("a.txt", "text/plain", b"words\x00"),
    ],
)
async def test_a_file_that_is_not_what_it_says_is_refused(
    office: Office, name: str, media_type: str, content: bytes
) -> None:
    with pytest.raises(Malformed):
        await office.convert(office.package(**{name: (media_type, content)}))


async def test_an_empty_text_lies_beside_the_bundle(office: Office, version: str) -> None:
    written = await office.convert(office.package(**{"a.txt": ("text/plain", b"")}))
    assert written == ["bundle.json", "attachment-001.txt"]
    assert (office.target / "attachment-001.txt").read_bytes() == b""


async def test_a_file_of_another_size_than_announced_is_refused(office: Office) -> None:
    package = office.package(**{"a.pdf": FILE})
    package.files[0].path.write_bytes(PDF + b"more")
    with pytest.raises(Malformed, match="size"):
        await office.convert(package)


CODES: list[tuple[str, tuple[str | int, ...]]] = [
    ("Bundle", ("type",)),
    ("DocumentReference", ("status",)),
    ("DocumentReference", ("docStatus",)),
    ("Consent", ("status",)),
    ("Consent", ("identifier", 0, "use")),
    ("Provenance", ("entity", 0, "role")),
]


@pytest.mark.parametrize(("kind", "path"), CODES)
async def test_a_code_outside_its_value_set_does_not_leave(
    office: Office, version: str, kind: str, path: tuple[str | int, ...]
) -> None:
    bundle = await office.bundle(office.package(**{"a.pdf": FILE}))
    check(bundle, model("R5" if version == "R5" else "R4B"))
    node = bundle if kind == "Bundle" else resources(bundle, kind)[0]
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = "nope"
    with pytest.raises(Malformed, match="code outside its value set"):
        check(bundle, model("R5" if version == "R5" else "R4B"))


def test_a_list_of_codes_that_is_not_complete_refuses_none() -> None:
    code = {"text": "x"}
    measured = Observation.model_validate({"status": "of-tomorrow", "code": code})
    assert list(wrong_codes(measured, "Observation")) == []


def test_a_resource_that_the_library_does_not_know_is_malformed() -> None:
    entry = {"resource": {"resourceType": "Nope"}}
    with pytest.raises(Malformed, match="not one of this release"):
        check({"resourceType": "Bundle", "type": "collection", "entry": [entry]}, model("R4B"))


@pytest.mark.parametrize(
    "settings",
    [
        {"version": "R3"},
        {"version": 5},
        {"inline": -1},
        {"inline": "1"},
        {"inline": True},
        {"inline": 1 << 30},
        {"extensions": "a"},
        {"extensions": [1]},
        {"extensions": ["a", "a"]},
        {"categories": []},
        {"categories": {"a": 1}},
        {"file_numbers": 1},
        {"other": 1},
    ],
)
def test_settings_it_cannot_work_with_stop_the_start(settings: dict[str, Json]) -> None:
    with pytest.raises(Misconfigured):
        register_intake_formats(settings)
