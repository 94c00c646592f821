"""The outgoing format `fhir`: what a bundle holds is sent; nothing is fetched (A53)."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from exchange_plugin_fhir.convert import register_outgoing_formats
from hypothesis import given, settings, strategies

from exchange.errors import Malformed
from exchange.hookspecs import OutgoingFile
from exchange.testing import exported_of
from plugins.fhir.tests.conftest import PDF, Office, attached, binary, bundle_of, plain, reference

SHA1 = base64.b64encode(hashlib.sha1(PDF).digest()).decode()  # noqa: S324


@pytest.mark.parametrize("kind", ["collection", "document", "transaction"])
@pytest.mark.parametrize("version", ["R4B", "R5"])
async def test_the_documents_of_a_bundle_are_sent(office: Office, kind: str, version: str) -> None:
    office.settings["version"] = version
    package = await office.read(bundle_of(binary(), reference(), kind=kind))
    assert package.files == (OutgoingFile(name="Brief.pdf", media_type="application/pdf"),)
    assert office.contents() == {"Brief.pdf": PDF}
    assert package.profile == "files/1"


@pytest.mark.parametrize("inline", [0, 1 << 20])
@pytest.mark.parametrize("version", ["R4B", "R5"])
async def test_what_intake_writes_is_read_again(office: Office, version: str, inline: int) -> None:
    office.settings |= {
        "version": version,
        "inline": inline,
        "categories": {"urn:consent-exchange:category|rent-arrears": "rent-arrears-letter"},
    }
    files = {"Stellungnahme März.pdf": ("application/pdf", PDF), "b.txt": ("text/plain", b"words")}
    await office.convert(office.package(**files))
    written = {path.name: path.read_bytes() for path in office.target.iterdir()}
    package = await office.read(written.pop("bundle.json"), **written)
    assert office.contents() == {name: content for name, (_, content) in files.items()}
    assert package.category == "rent-arrears-letter"


@pytest.mark.parametrize(
    ("full_url", "url"),
    [
        ("http://server.example/fhir/Binary/7", "http://server.example/fhir/Binary/7"),
        ("http://server.example/fhir/Binary/7", "Binary/7"),
        ("urn:uuid:1", "Binary/7"),
    ],
)
async def test_an_address_of_the_bundle_itself_is_found(
    office: Office, full_url: str, url: str
) -> None:
    bundle = bundle_of(binary(id="7"), reference(url))
    bundle["entry"][0]["fullUrl"] = full_url
    await office.read(bundle)
    assert office.contents() == {"Brief.pdf": PDF}


async def test_a_content_within_its_attachment_is_sent(office: Office) -> None:
    data = base64.b64encode(PDF).decode()
    await office.read(bundle_of(attached(data=f"{data[:4]}\n{data[4:]}")))
    assert office.contents() == {"Brief.pdf": PDF}


async def test_a_file_beside_the_bundle_is_sent(office: Office) -> None:
    bundle = bundle_of(reference("Anlage%201.pdf"))
    await office.read(bundle, **{"Anlage 1.pdf": PDF})
    assert office.contents() == {"Brief.pdf": PDF}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.pdf",
        "https://server.example/fhir/Binary/7",
        "file:///etc/passwd",
        "/etc/passwd",
        "../exported/bundle.json",
        "bundle.json",
        "urn:uuid:2",
        "data:application/pdf;base64,AAAA",
    ],
)
async def test_what_lies_elsewhere_is_never_fetched(office: Office, url: str) -> None:
    with pytest.raises(Malformed, match="nothing is fetched"):
        await office.read(bundle_of(binary(), reference(url)))
    assert office.contents() == {}


async def test_an_address_is_first_taken_as_it_stands(office: Office) -> None:
    await office.read(bundle_of(reference("a%20b.pdf")), **{"a%20b.pdf": PDF})
    assert office.contents() == {"Brief.pdf": PDF}


@pytest.mark.parametrize("members", [{}, {"url": "a.pdf", "data": base64.b64encode(PDF).decode()}])
async def test_an_attachment_has_one_content(office: Office, members: dict[str, object]) -> None:
    with pytest.raises(Malformed, match="no content, or two"):
        await office.read(bundle_of(attached(**members)), **{"a.pdf": PDF})


async def test_of_several_renditions_the_pdf_is_sent(office: Office) -> None:
    text = {"contentType": "text/plain", "url": "urn:uuid:2"}
    pdf = {"contentType": "application/pdf", "url": "urn:uuid:1", "title": "a.pdf"}
    contents = [{"attachment": text}, {"attachment": pdf}]
    await office.read(bundle_of(binary(), binary(b"words"), reference(content=contents)))
    assert office.contents() == {"a.pdf": PDF}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "_.._etc_passwd.pdf"),
        ("a.pdf.exe", "a.pdf.exe.pdf"),
        ("a\u202efdp.exe", "a_fdp.exe.pdf"),
        ("nul", "_nul.pdf"),
        ("", "Dokument.pdf"),
        ("Ku\u0308ndigung.PDF", "Kündigung.pdf"),
    ],
)
async def test_a_name_is_never_a_path_and_always_says_the_kind(
    office: Office, title: str, name: str
) -> None:
    url = {"url": "urn:uuid:1"}
    await office.read(bundle_of(binary(), attached(title=title, **url) if title else _untitled()))
    assert office.contents() == {name: PDF}


def _untitled() -> dict[str, object]:
    attachment = {"contentType": "application/pdf", "url": "urn:uuid:1"}
    return reference(content=[{"attachment": attachment}])


async def test_two_documents_of_one_name_get_two_names(office: Office) -> None:
    bundle = bundle_of(binary(), binary(PDF + b"2"), reference(), reference("urn:uuid:2"))
    await office.read(bundle)
    assert office.contents() == {"Brief.pdf": PDF, "Brief (2).pdf": PDF + b"2"}


def typed(*codes: str) -> dict[str, object]:
    return {"coding": [{"system": "http://loinc.org", "code": code} for code in codes]}


@pytest.mark.parametrize(
    ("first", "second", "category"),
    [
        (typed("11488-4"), typed("unknown", "11488-4"), "note"),
        (typed("11488-4"), typed("60591-5"), ""),
        (typed("11488-4"), {"text": "letter"}, ""),
    ],
)
async def test_the_kind_of_document_is_told_when_all_agree(
    office: Office, first: dict[str, object], second: dict[str, object], category: str
) -> None:
    office.settings["categories"] = {
        "http://loinc.org|11488-4": "note",
        "http://loinc.org|60591-5": "summary",
    }
    documents = (reference(type=first), reference("urn:uuid:2", type=second))
    package = await office.read(bundle_of(binary(), binary(), *documents))
    assert package.category == category


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("17/2026", "17/2026"),
        (" 17/\n2026", "17/ 2026"),
        ("17\u202e", ""),
        ("1" * 201, ""),
        ("1" * 200, "1" * 200),
    ],
)
async def test_the_file_number_is_the_identifier_that_the_settings_name(
    office: Office, value: str, number: str
) -> None:
    office.settings["file_numbers"] = "urn:example:files"
    identifiers = [
        {"system": "urn:example:other", "value": "1"},
        {"system": "urn:example:files", "value": value},
    ]
    package = await office.read(bundle_of(binary(), reference(identifier=identifiers)))
    assert package.reference == number


async def test_size_and_digest_are_compared_where_they_are_stated(office: Office) -> None:
    await office.read(bundle_of(binary(), attached(url="urn:uuid:1", size=len(PDF), hash=SHA1)))
    assert office.contents() == {"Brief.pdf": PDF}


@pytest.mark.parametrize(
    ("stated", "match"),
    [({"size": 8}, "another size"), ({"hash": "AAAA"}, "not the one"), ({"size": True}, "size")],
)
async def test_a_document_must_be_the_one_that_is_stated(
    office: Office, stated: dict[str, object], match: str
) -> None:
    with pytest.raises(Malformed, match=match):
        await office.read(bundle_of(binary(), attached(url="urn:uuid:1", **stated)))


async def test_an_admitted_extension_is_passed_over(office: Office) -> None:
    office.settings["extensions"] = ["https://example.org/ext"]
    extension = [{"url": "https://example.org/ext", "valueDecimal": 1.5}]
    await office.read(bundle_of(binary(), reference(extension=extension)))
    assert office.contents() == {"Brief.pdf": PDF}


def changed(change: Callable[[Any], object]) -> Any:
    bundle = copy.deepcopy(plain())
    change(bundle)
    return bundle


def set_in(*path: str | int, to: object) -> Any:
    """Return the plain bundle with one member of its document set."""

    def change(bundle: Any) -> None:
        node = bundle["entry"][1]["resource"]
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = to

    return changed(change)


def request(method: str) -> dict[str, object]:
    return {"method": method, "url": "DocumentReference/1"}


NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}


def composition(narrative: dict[str, str] | None = None) -> dict[str, object]:
    said = {} if narrative is None else {"text": narrative}
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "letter"},
        "date": "2026-03-02",
        "author": [{"display": "Amt"}],
        "title": "Brief",
        "section": [{"title": "Anlagen", "entry": [{"reference": "urn:uuid:3"}], **said}],
    }


async def test_a_composition_that_only_lists_is_passed_over(office: Office) -> None:
    await office.read(bundle_of(composition(), binary(), reference("urn:uuid:2"), kind="document"))
    assert office.contents() == {"Brief.pdf": PDF}


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_a_transaction_stores_is_sent(office: Office, method: str) -> None:
    bundle = bundle_of(binary(), reference(), kind="transaction")
    for entry in bundle["entry"]:
        entry["request"] = request(method)
    await office.read(bundle)
    assert office.contents() == {"Brief.pdf": PDF}


ATTACHMENT = ("content", 0, "attachment")
DEEP: Any = {"text": "x"}
for _ in range(40):
    DEEP = {"assigner": {"identifier": DEEP}}

HOSTILE: dict[str, object] = {
    "code": set_in("status", to="nope"),
    "nested code": set_in("identifier", to=[{"use": "nope", "value": "1"}]),
    "code of another resource": bundle_of(
        binary(), reference(), {"resourceType": "Patient", "gender": "nope"}
    ),
    "kind of bundle": bundle_of(binary(), reference(), kind="searchset"),
    "unknown member": set_in("unknown", to="x"),
    "unknown member within": set_in(*ATTACHMENT, "unknown", to="x"),
    "contained": set_in("contained", to=[{"resourceType": "Binary", "contentType": "a/b"}]),
    "resource within": set_in("subject", to={"resourceType": "Patient"}),
    "extension": set_in("extension", to=[{"url": "https://evil.example", "valueCode": "x"}]),
    "extension that is no list": set_in("extension", to="x"),
    "extension of a primitive": set_in(
        "_status", to={"extension": [{"url": "https://evil.example", "valueCode": "x"}]}
    ),
    "extension deep inside": set_in(
        "type", to={"coding": [{"extension": [{"url": "x", "valueCode": "x"}]}]}
    ),
    "extension of the bundle": changed(lambda bundle: bundle.update(meta={"extension": [{}]})),
    "extension of an entry": changed(lambda bundle: bundle["entry"][0].update(extension=[{}])),
    "modifier": set_in("modifierExtension", to=[{"url": "x", "valueCode": "x"}]),
    "rules": changed(lambda bundle: bundle.update(implicitRules="http://evil.example")),
    "superseded": set_in("status", to="superseded"),
    "in error": set_in("docStatus", to="entered-in-error"),
    "deep composition": bundle_of({"resourceType": "Composition", "identifier": DEEP}),
    "deep": set_in("identifier", to=[DEEP]),
    "null": set_in("description", to=None),
    "empty text": set_in("description", to=""),
    "empty object": set_in("type", to={}),
    "no content": set_in("content", to=[]),
    "nothing attached": set_in(*ATTACHMENT, "url", to=None),
    "attached twice": set_in(*ATTACHMENT, "data", to="AAAA"),
    "media type": set_in(*ATTACHMENT, "contentType", to="text/html"),
    "no media type": set_in(*ATTACHMENT, "contentType", to=None),
    "another kind": set_in(*ATTACHMENT, "contentType", to="image/png"),
    "base64": changed(lambda bundle: bundle["entry"][0]["resource"].update(data="%%%%")),
    "empty": changed(lambda bundle: bundle["entry"][0]["resource"].pop("data")),
    "resource": bundle_of(binary(), reference(), {"resourceType": "Observation"}),
    "unheard-of resource": bundle_of(binary(), reference(), {"resourceType": "Nope"}),
    "resource without a name": bundle_of(binary(), reference(), {"resourceType": ["Binary"]}),
    "one address": bundle_of(binary(id="1"), binary(b"x", id="1"), reference("Binary/1")),
    "one content": bundle_of(binary(), reference(), reference()),
    "unspoken content": bundle_of(binary(), binary(), reference()),
    "no document": bundle_of({"resourceType": "Organization", "name": "Amt"}),
    "no entry": {"resourceType": "Bundle", "type": "collection", "entry": []},
    "entry without resource": changed(lambda bundle: bundle["entry"].append({"fullUrl": "x"})),
    "entry that is none": changed(lambda bundle: bundle["entry"].append("x")),
    "deletion": changed(lambda bundle: bundle["entry"][1].update(request=request("DELETE"))),
    "no request": changed(lambda bundle: bundle["entry"][1].update(request="POST")),
    "words of a composition": bundle_of(composition(NARRATIVE), binary(), reference("urn:uuid:2")),
    "no bundle": reference(),
    "list": [plain()],
    "twice": json.dumps(plain()).replace('"status"', '"status": "current", "status"').encode(),
    "huge decimal": json.dumps(set_in("date", to=0)).replace(": 0}", f": 0.{'1' * 99}}}").encode(),
    "huge integer": json.dumps(set_in("date", to=0)).replace(": 0}", f": {'1' * 9999}}}").encode(),
    "no number": json.dumps(set_in("date", to=float("nan"))).encode(),
    "latin 1": json.dumps(set_in("description", to="ä"), ensure_ascii=False).encode("latin-1"),
    "utf-16": json.dumps(plain()).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(plain()).encode(),
    "levels": b'{"resourceType":' + b"[" * 200_000,
    "cut": json.dumps(plain()).encode()[:-5],
    "nothing": b"",
}


@pytest.mark.parametrize("version", ["R4B", "R5"])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_bundle_is_refused(office: Office, kind: str, version: str) -> None:
    office.settings["version"] = version
    with pytest.raises(Malformed) as refused:
        await office.read(HOSTILE[kind])
    assert "evil" not in str(refused.value)
    assert "nope" not in str(refused.value)
    assert "unknown" not in str(refused.value)


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything in a bundle."""
    members = node.items() if isinstance(node, dict) else enumerate(node)
    for key, part in members:
        yield (*path, key)
        if isinstance(part, dict | list):
            yield from places(part, (*path, key))


ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(
            strategies.sampled_from(["url", "code", "value", "reference", "x"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
RICH = bundle_of(
    binary(id="1"),
    reference(
        type=typed("11488-4"),
        identifier=[{"system": "urn:consent-exchange:file-number", "value": "1"}],
        docStatus="final",
    ),
)


@settings(max_examples=100, deadline=None)
@given(place=strategies.sampled_from(sorted(places(RICH), key=str)), value=ANYTHING)
async def test_a_spoilt_bundle_is_refused_or_means_the_same(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], value: object
) -> None:
    bundle = copy.deepcopy(RICH)
    node: Any = bundle
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    office = Office(tmp_path_factory.mktemp("spoilt"))
    try:
        await office.read(bundle)
    except Malformed:
        return
    assert set(office.contents().values()) == {PDF}


async def test_a_file_the_bundle_does_not_speak_of_is_refused(office: Office) -> None:
    with pytest.raises(Malformed, match="no document"):
        await office.read(plain(), **{"stray.pdf": PDF})


async def test_a_bundle_of_more_than_64_megabytes_is_not_even_parsed(office: Office) -> None:
    with pytest.raises(Malformed, match="64 MiB"):
        await office.read(b" " * (64 << 20) + b"{}")


async def test_a_bundle_may_be_called_anything(office: Office) -> None:
    bundle = bundle_of(reference("a.pdf"))
    files = {
        "Export 1.json": ("application/json", json.dumps(bundle).encode()),
        "a.pdf": ("application/pdf", PDF),
    }
    office.sent.mkdir()
    (outgoing,) = register_outgoing_formats({})
    await outgoing.read(exported_of(office.home, files), office.sent)
    assert office.contents() == {"Brief.pdf": PDF}


async def test_a_document_beside_the_bundle_may_be_json_too(office: Office) -> None:
    attachment = {"contentType": "application/json", "url": "a.json", "title": "a.json"}
    bundle = bundle_of(reference(content=[{"attachment": attachment}]))
    await office.read(bundle, **{"a.json": b"{}"})
    assert office.contents() == {"a.json": b"{}"}


async def test_two_bundles_in_one_export_are_refused(office: Office) -> None:
    content = ("application/json", json.dumps(plain()).encode())
    exported = exported_of(office.home, {"a.json": content, "b.json": content})
    (outgoing,) = register_outgoing_formats({})
    with pytest.raises(Malformed, match="more than one"):
        await outgoing.read(exported, office.home)
