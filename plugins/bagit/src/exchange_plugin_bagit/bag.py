"""Writes one bag (RFC 8493) as an uncompressed zip, each file read once and never in memory."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.errors import Malformed
from exchange.hookspecs import DocumentFile, DocumentPackage, Label

ALGORITHMS: Final = ("sha256", "sha512")
"""Of every manifest: the one our statements use, and the one RFC 8493 recommends."""
CONTEXT: Final = "document.json"
_PIECE: Final = 1 << 20
_DECLARATION: Final = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def write(package: DocumentPackage, place: Path) -> None:
    """Write the bag of `package` to the new file `place`; its one folder is the document's id.

    The order inside is: declaration, payload, what the bag says, manifests. Times inside are the
    time of collection, so that the same package gives the same bytes.

    Raises:
        Malformed: a file has another size or digest than its contents list says.
    """
    names = _names(package)
    with place.open("xb") as file, zipfile.ZipFile(file, "w", allowZip64=False) as packed:
        bag = _Bag(packed, package.disclosure_id, package.collected_at)
        bag.say("bagit.txt", _DECLARATION)
        payload = {f"data/{names[file.name]}": bag.add(file, names) for file in package.files}
        bag.say("bag-info.txt", _info(package))
        bag.say(CONTEXT, _context(package, names))
        for proof in package.proofs:
            bag.say(f"proofs/{proof.name}", proof.content)
        for algorithm in ALGORITHMS:
            bag.say(f"manifest-{algorithm}.txt", _manifest(payload, algorithm))
        said = dict(bag.said)
        for algorithm in ALGORITHMS:
            bag.say(f"tagmanifest-{algorithm}.txt", _manifest(said, algorithm))


class _Bag:
    """A bag that is being written."""

    def __init__(self, packed: zipfile.ZipFile, folder: str, moment: datetime) -> None:
        self.said: dict[str, Mapping[str, str]] = {}
        """Digests of the tag files so far, by path and algorithm."""
        self._packed = packed
        self._folder = folder
        self._moment = moment.astimezone(UTC)

    def say(self, path: str, text: str) -> None:
        """Add a tag file."""
        raw = text.encode()
        self._packed.writestr(self._entry(path), raw)
        self.said[path] = {name: hashlib.new(name, raw).hexdigest() for name in ALGORITHMS}

    def add(self, file: DocumentFile, names: Mapping[str, str]) -> Mapping[str, str]:
        """Add a file of the payload and return its digests."""
        entry = self._entry(f"data/{names[file.name]}")
        entry.file_size = file.size
        digests = {name: hashlib.new(name) for name in ALGORITHMS}
        size = 0
        with file.path.open("rb") as content, self._packed.open(entry, "w") as into:
            while piece := content.read(_PIECE):
                size += len(piece)
                into.write(piece)
                for digest in digests.values():
                    digest.update(piece)
        found = {name: digest.hexdigest() for name, digest in digests.items()}
        if size != file.size or found["sha256"] != file.sha256:
            raise Malformed("a file is another than its contents list says")
        return found

    def _entry(self, path: str) -> zipfile.ZipInfo:
        """Return a stored entry: documents are compressed already."""
        entry = zipfile.ZipInfo(f"{self._folder}/{path}", self._moment.timetuple()[:6])
        entry.external_attr = 0o600 << 16
        return entry


def _names(package: DocumentPackage) -> dict[str, str]:
    """Return the name in the bag for each name of the package: without "%", all different.

    RFC 8493 (2.1.3) wants "%" percent-encoded in manifests, and widespread readers do not decode
    it: a bag without the sign reads the same everywhere.
    """
    taken = {file.name.casefold() for file in package.files if "%" not in file.name}
    names = dict[str, str]()
    for file in package.files:
        name = file.name
        while "%" in name or (name != file.name and name.casefold() in taken):
            name = name.replace("%", "_") if "%" in name else f"_{name}"
        taken.add(name.casefold())
        names[file.name] = name
    return names


def _info(package: DocumentPackage) -> str:
    """Return `bag-info.txt`: ids, codes and numbers, nothing of the person."""
    size = sum(file.size for file in package.files)
    lines = {
        "Source-Organization": package.sender,
        "External-Identifier": package.disclosure_id,
        "Bagging-Date": f"{package.collected_at.astimezone(UTC):%Y-%m-%d}",
        "Payload-Oxum": f"{size}.{len(package.files)}",
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def _context(package: DocumentPackage, names: Mapping[str, str]) -> str:
    """Return what people and records systems have to know, for programs."""
    consent = package.consent
    context = {
        "id": package.disclosure_id,
        "sender": {"agency": package.sender, "name": package.sender_name},
        "purpose": _label(package.purpose),
        "category": _label(package.category),
        "secrecy": _label(package.secrecy),
        "sent_at": _utc(package.sent_at),
        "collected_at": _utc(package.collected_at),
        "reference": package.reference,
        "remark": package.remark,
        "notice": package.notice,
        "consent": None
        if consent is None
        else {
            "id": consent.id,
            "sha256": consent.sha256,
            "valid_until": _utc(consent.valid_until),
        },
        "files": [
            {
                "path": f"data/{names[file.name]}",
                "name": file.name,
                "type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "third_party": file.third_party,
            }
            for file in package.files
        ],
    }
    return json.dumps(context, ensure_ascii=False, indent=2) + "\n"


def _manifest(files: Mapping[str, Mapping[str, str]], algorithm: str) -> str:
    return "".join(f"{digests[algorithm]}  {path}\n" for path, digests in files.items())


def _label(label: Label) -> Mapping[str, str]:
    return {"code": label.code, "de": label.de, "en": label.en}


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
