"""Foreign implementations of age open what we seal, and we open what they seal."""

import io
import subprocess
from pathlib import Path

import pyrage  # type: ignore[import-untyped]  # it ships none
import pytest

from exchange.envelope.age import passphrase
from exchange.envelope.age.armor import armor, dearmor
from exchange.envelope.age.decrypt import DecryptingReader, RandomAccess
from exchange.envelope.age.header import Identity, Recipient
from exchange.envelope.age.hybrid import HybridIdentity, HybridRecipient
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.recipient import DocumentRecipient
from tests import needs
from tests.envelopes import pushed
from tests.x25519 import X25519Identity, X25519Recipient

SIZES = [0, 1, 51_200, 65_535, 65_536, 65_537, 131_072, 1_000_003, 5 * 1024 * 1024]
CONTENT = bytes(range(251)) * 21_000
SCRIPT = needs.FOREIGN.parent / "age.mjs"

debian_age = needs.tool("age", "age")


def npm_age(test: object) -> object:
    """Mark a test that needs node and the npm package."""
    return needs.node()(needs.foreign("age-encryption")(test))


def _run(*command: object, given: bytes = b"") -> bytes:
    done = subprocess.run(
        [str(part) for part in command], input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _opened(sealed: bytes, identity: Identity) -> bytes:
    whole = DecryptingReader(io.BytesIO(sealed), [identity]).readall()
    assert whole is not None
    access = RandomAccess(io.BytesIO(sealed), [identity])
    assert access.read_at(access.size // 2, 100) == whole[access.size // 2 :][:100]
    return whole


def _debian_keys(folder: Path) -> tuple[str, Path]:
    file = folder / "key.txt"
    _run("age-keygen", "-o", file)
    return _run("age-keygen", "-y", file).decode().strip(), file


def _secret(file: Path) -> str:
    return next(line for line in file.read_text().splitlines() if line.startswith("AGE-SECRET"))


@debian_age
@pytest.mark.parametrize("size", SIZES)
def test_the_age_command_and_we_open_each_others_files(tmp_path: Path, size: int) -> None:
    recipient, file = _debian_keys(tmp_path)
    ours = pushed(CONTENT[:size], [X25519Recipient(recipient)])
    assert _run("age", "-d", "-i", file, given=ours) == CONTENT[:size]
    assert _run("age", "-d", "-i", file, given=armor(ours)) == CONTENT[:size]
    identity = X25519Identity(_secret(file))
    assert _opened(_run("age", "-r", recipient, given=CONTENT[:size]), identity) == CONTENT[:size]
    armored = _run("age", "-a", "-r", recipient, given=CONTENT[:size])
    assert _opened(dearmor(armored), identity) == CONTENT[:size]


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_and_we_open_each_others_files(size: int) -> None:
    theirs = pyrage.x25519.Identity.generate()
    recipient, identity = str(theirs.to_public()), X25519Identity(str(theirs))
    ours = pushed(CONTENT[:size], [X25519Recipient(recipient)])
    assert pyrage.decrypt(ours, [theirs]) == CONTENT[:size]
    assert pyrage.decrypt(armor(ours), [theirs]) == CONTENT[:size]
    assert _opened(pyrage.encrypt(CONTENT[:size], [theirs.to_public()]), identity) == CONTENT[:size]
    armored = pyrage.encrypt(CONTENT[:size], [theirs.to_public()], armored=True)
    assert _opened(dearmor(armored), identity) == CONTENT[:size]


def test_key_files_under_a_passphrase_open_with_pyrage_and_the_reverse() -> None:
    assert pyrage.passphrase.decrypt(passphrase.seal(b"key", "words"), "words") == b"key"
    assert passphrase.open(pyrage.passphrase.encrypt(b"key", "words"), "words") == b"key"


def _node(*arguments: object, given: bytes = b"") -> bytes:
    return _run("node", SCRIPT, *arguments, given=given)


def _node_keys(folder: Path, kind: str) -> tuple[str, str, Path]:
    identity, recipient = _node("keygen", kind).decode().split()
    file = folder / "key.txt"
    file.write_text(f"# public key: {recipient}\n{identity}\n")
    return identity, recipient, file


def _ours(identity: str, recipient: str) -> tuple[Recipient, Identity]:
    if not recipient.startswith("age1pq1"):
        return X25519Recipient(recipient), X25519Identity(identity)
    key = DocumentKey.parse(identity)
    assert key.recipient.text == recipient
    assert key.secret_text() == identity
    return HybridRecipient(DocumentRecipient.parse(recipient)), HybridIdentity(key)


@npm_age
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["hybrid", "x25519"])
def test_the_npm_package_and_we_open_each_others_files(
    tmp_path: Path, kind: str, size: int
) -> None:
    identity, recipient, file = _node_keys(tmp_path, kind)
    sealing, opening = _ours(identity, recipient)
    ours = pushed(CONTENT[:size], [sealing])
    assert _node("decrypt", "-i", file, given=ours) == CONTENT[:size]
    theirs = _node("encrypt", recipient, given=CONTENT[:size])
    assert _opened(theirs, opening) == CONTENT[:size]


@npm_age
def test_two_hybrid_recipients_of_either_side_open_one_file(tmp_path: Path) -> None:
    _, recipient, file = _node_keys(tmp_path, "hybrid")
    mine = DocumentKey.generate()
    both = [HybridRecipient(mine.recipient), HybridRecipient(DocumentRecipient.parse(recipient))]
    assert _node("decrypt", "-i", file, given=pushed(b"letter", both)) == b"letter"
    theirs = _node("encrypt", recipient, mine.recipient.text, given=b"letter")
    assert _opened(theirs, HybridIdentity(mine)) == b"letter"
