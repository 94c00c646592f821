"""The published vectors of the log, byte for byte; docs/log-formats.md shows them to others."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from exchange.audit import leaf
from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.cosignature import cosign
from exchange.audit.event import MEMBERS
from exchange.audit.merkle import Range, append, inclusion_path, leaf_hash, root
from exchange.audit.note import (
    Note,
    SigningKey,
    covered,
    read_note,
    sign,
    verified,
    verifying,
    write_note,
    write_vkey,
)
from exchange.audit.opening import event_opening, write_opening
from exchange.audit.policy import Log, Policy, Witness
from exchange.audit.proof import Receipt, prove, write_receipt
from exchange.audit.status import Status, sign_status

FOLDER = Path(__file__).parent
VECTOR: dict[str, Any] = json.loads((FOLDER / "log_format.json").read_text("utf-8"))
PAGE = (FOLDER.parent.parent / "docs" / "log-formats.md").read_text("utf-8")
KEY = bytes.fromhex(VECTOR["key"])
KEYS = {
    one["use"]: SigningKey(one["name"], one["type"], bytes.fromhex(one["seed"]))
    for one in VECTOR["keys"]
}
HASHES = [bytes.fromhex(one) for one in VECTOR["leaf_hashes"]]
TREE = Checkpoint("hub.example/log", 3, root(append(Range(0), HASHES).range))
AT = VECTOR["cosigned_at"]


@pytest.mark.parametrize("event", VECTOR["events"])
def test_labels_salts_and_leaves_of_events(event: dict[str, Any]) -> None:
    body = event["event"].encode()
    assert leaf.label(KEY, event["n"]).hex() == event["label"]
    assert leaf.event_leaf(KEY, event["n"], body).hex() == event["leaf"]
    if "salt" in event:
        assert leaf.salt(KEY, event["n"]).hex() == event["salt"]
    else:
        assert leaf.detail_salt(KEY, event["n"]).hex() == event["detail_salt"]
        detail = leaf.detail_commitment(KEY, event["n"], event["detail"].encode())
        assert json.loads(body)["detail"] == detail


def test_the_leaf_of_a_document() -> None:
    document = VECTOR["document"]
    assert leaf.document_label(document["topic"]).hex() == document["label"]
    made = leaf.document_leaf(document["topic"], document["document"].encode())
    assert made.hex() == document["leaf"]


def test_the_hashes_of_the_three_leaves() -> None:
    leaves = [VECTOR["document"]["leaf"], *(event["leaf"] for event in VECTOR["events"][:2])]
    assert [leaf_hash(bytes.fromhex(one)) for one in leaves] == HASHES


@pytest.mark.parametrize("key", [one for one in VECTOR["keys"] if "vkey" in one])
def test_verifier_keys(key: dict[str, Any]) -> None:
    assert write_vkey(verifying(KEYS[key["use"]])) == key["vkey"]


def test_the_ml_dsa_key_and_what_it_signs() -> None:
    key, expected = KEYS["ml-dsa"], VECTOR["keys"][-1]
    assert verifying(key).id.hex() == expected["id"]
    assert sha256(verifying(key).public).hexdigest() == expected["public_sha256"]
    signed = covered(key, write_checkpoint(TREE), AT)
    assert len(signed) == VECTOR["ml_dsa_covered"]["bytes"]
    assert sha256(signed).hexdigest() == VECTOR["ml_dsa_covered"]["sha256"]


def test_the_checkpoint_with_its_cosignature() -> None:
    text = write_checkpoint(TREE)
    lines = (sign(text, KEYS["log"]), cosign(text, KEYS["witness"], AT))
    assert write_note(Note(text, lines)).decode() == VECTOR["checkpoint"]


def test_the_status_note() -> None:
    consent = "EkI-BILz6Byx0jIwZk6Vuz0RufNPBvwZnliNTNq25NQ"
    status = Status(TREE.origin, consent, TREE.size, TREE.root, AT + 7)
    assert sign_status(status, KEYS["status"]).decode() == VECTOR["status"]


def test_the_receipt_and_the_receipt_with_an_ml_dsa_line() -> None:
    expected, event = VECTOR["receipt"], VECTOR["events"][0]
    opening = write_opening(event_opening(KEY, 0, event["event"].encode()))
    path = inclusion_path(lambda _level, _n: b"".join(HASHES), expected["index"], 3)
    assert [one.hex() for one in path] == expected["path"]
    note = read_note(VECTOR["checkpoint"].encode())
    raw = write_receipt(Receipt(opening, 1, path, write_note(note)))
    assert (len(raw.decode()), len(raw)) == (expected["characters"], expected["bytes"])
    more = Note(note.text, (*note.lines, cosign(note.text, KEYS["ml-dsa"], AT)))
    assert len(verified(more, map(verifying, KEYS.values()))) == 3
    receipt = Receipt(opening, 1, path, write_note(more))
    assert len(write_receipt(receipt).decode()) == expected["characters_with_ml_dsa"]
    log, witness = Log(verifying(KEYS["log"])), Witness("a", verifying(KEYS["witness"]))
    assert prove(receipt, Policy((log,), (witness,), quorum="a")).leaf.hex() == event["leaf"]


def _shown(value: object) -> list[str]:
    """Return every text of the vectors that a reader needs to see."""
    if isinstance(value, dict):
        return [one for part in value.values() for one in _shown(part)]
    if isinstance(value, list):
        return [one for part in value for one in _shown(part)]
    return value.splitlines() if isinstance(value, str) else []


def test_the_page_about_the_formats_shows_every_vector() -> None:
    hidden = {VECTOR["source"], *(one["use"] for one in VECTOR["keys"]), ""}
    hidden |= {one["seed"] for one in VECTOR["keys"]} | {VECTOR["key"]}
    assert [text for text in _shown(VECTOR) if text not in PAGE and text not in hidden] == []


@pytest.mark.parametrize("kind", MEMBERS)
def test_the_page_about_the_formats_names_the_members_of_every_kind(kind: str) -> None:
    members = ", ".join(f"`{member}`" for member in sorted(MEMBERS[kind]))
    assert f"| `{kind}` | {members} |" in PAGE
