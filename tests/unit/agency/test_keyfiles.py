"""exchange.agency.keyfiles: private keys in files, durable, and readable by nobody else."""

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from exchange import canonical
from exchange.agency import keyfiles
from exchange.agency.keyfiles import KeyFiles, credentials_directory, no_passphrase, read_pem
from exchange.envelope.age import passphrase as protection
from exchange.errors import Misconfigured
from exchange.keyring import ceremony
from exchange.keyring.decryption import DocumentKey
from exchange.keyring.signing import IdentityKey

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
IDENTITY = IdentityKey("agency-a", b"\x01" * 32, b"\x02" * 32)
NEXT = IdentityKey("agency-a", b"\x21" * 32, b"\x22" * 32)
DOCUMENT = DocumentKey(b"\x03" * 32)
PASSPHRASE = "correct horse battery"
NAMES = ["identity-ed25519.pem", "identity-ml-dsa-65.pem"]


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    """Return a key folder with an identity and one document key."""
    found = KeyFiles(tmp_path / "keys")
    found.create()
    found.write_identity(IDENTITY)
    found.write_document(1, DOCUMENT, now=NOW)
    return found


def refusal(read: Callable[[], object]) -> str:
    """Return why reading is refused."""
    with pytest.raises(Misconfigured) as refused:
        read()
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_what_is_written_is_read(files: KeyFiles) -> None:
    assert files.identity().kid == IDENTITY.kid
    assert files.card() == IDENTITY.card
    assert files.cards() == {IDENTITY.kid: IDENTITY.card}
    (held,) = files.documents()
    assert (held.seq, held.key.fingerprint, held.created) == (1, DOCUMENT.fingerprint, NOW)


def test_private_files_are_0600_in_a_folder_of_0700(files: KeyFiles) -> None:
    assert files.folder.stat().st_mode & 0o777 == 0o700
    for file in files.folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_document_key_is_written_as_age_keygen_writes_it(files: KeyFiles) -> None:
    text = (files.folder / "document-1.key").read_text()
    assert text == (
        "# created: 2026-11-22T09:30:00+00:00\n"
        f"# public key: {DOCUMENT.recipient.text}\n"
        "AGE-SECRET-KEY-PQ-1QVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSXQCRQVPSS0GF43\n"
    )


def test_the_card_file_is_what_the_hub_admits(files: KeyFiles) -> None:
    assert (
        canonical.loads((files.folder / "identity.json").read_bytes(), limit=9000)
        == IDENTITY.card.payload()
    )


@pytest.mark.parametrize("name", [*NAMES, "document-1.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o777], ids=oct)
def test_a_private_file_that_others_can_use_is_refused(
    files: KeyFiles, name: str, mode: int
) -> None:
    (files.folder / name).chmod(mode)
    text = refusal(lambda: (files.identity(), files.documents()))
    assert f"others can use {name}; run: chmod 600" in text


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711], ids=oct)
def test_a_folder_that_others_can_look_into_is_refused(files: KeyFiles, mode: int) -> None:
    files.folder.chmod(mode)
    assert "chmod 700" in refusal(files.identity)
    assert "chmod 700" in refusal(files.documents)


def test_a_card_that_others_can_change_is_refused(files: KeyFiles) -> None:
    (files.folder / "identity.json").chmod(0o644)
    assert files.card() == IDENTITY.card
    (files.folder / "identity.json").chmod(0o666)
    refusal(files.card)


def test_links_devices_and_foreign_folders_are_refused(files: KeyFiles, tmp_path: Path) -> None:
    place = files.folder / NAMES[0]
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in refusal(files.identity)
    place.unlink()
    os.mkfifo(place, 0o600)
    assert "not a file" in refusal(files.identity)
    missing = KeyFiles(tmp_path / "nowhere")
    assert "no identity key" in refusal(missing.identity)
    assert "missing" in refusal(missing.documents)


def test_a_missing_half_is_named(files: KeyFiles) -> None:
    (files.folder / NAMES[1]).unlink()
    assert refusal(files.identity) == "the key file identity-ml-dsa-65.pem is missing"


def test_halves_of_two_pairs_are_refused(files: KeyFiles) -> None:
    (files.folder / NAMES[0]).write_bytes(NEXT.secret_pem("Ed25519"))
    assert "do not belong together" in refusal(files.identity)


def test_two_keys_in_one_file_are_refused(files: KeyFiles) -> None:
    path = files.folder / NAMES[0]
    path.write_bytes(path.read_bytes() + NEXT.secret_pem("Ed25519"))
    assert "exactly one key" in refusal(files.identity)


def test_a_half_in_the_place_of_the_other_is_refused(files: KeyFiles) -> None:
    shutil.copy(files.folder / NAMES[0], files.folder / NAMES[1])
    assert "another kind of key than ML-DSA-65" in refusal(files.identity)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (NAMES[0], b"-----BEGIN PRIVATE KEY-----\nmarker\n-----END PRIVATE KEY-----\n"),
        (NAMES[0], b""),
        (NAMES[0], b"x" * 70_000),
        ("document-1.key", b"marker"),
        ("document-1.key", b"# created: 2026-11-22T09:30:00+00:00\n"),
        ("document-1.key", DOCUMENT.secret_text().encode()),
        ("document-1.key", b"# created: yesterday\n" + DOCUMENT.secret_text().encode()),
        ("document-1.key", DOCUMENT.secret_text().encode() + b"\nmarker"),
        ("document-1.key", b"\xff" * 9),
        ("identity.json", b"{}"),
        ("identity.json", b"marker"),
    ],
    ids=[
        *("no-key", "empty", "huge", "text", "only-comment", "no-date", "bad-date", "two-lines"),
        *("bytes", "no-card", "no-json"),
    ],
)
def test_a_damaged_file_is_named_and_not_quoted(files: KeyFiles, name: str, content: bytes) -> None:
    (files.folder / name).write_bytes(content)
    text = refusal(lambda: (files.identity(), files.documents()))
    assert name in text
    assert "marker" not in text
    assert "AGE-SECRET" not in text


def test_a_document_key_without_a_zone_was_made_at_that_time_utc(files: KeyFiles) -> None:
    path = files.folder / "document-1.key"
    path.write_text(path.read_text().replace("+00:00", ""))
    assert files.documents()[0].created == NOW


def test_other_files_in_the_folder_are_no_keys(files: KeyFiles) -> None:
    for name in ("document-x.key", "document-01.key", "notes.txt", "document-2.key.bak"):
        (files.folder / name).write_text("x")
    assert len(files.documents()) == 1


def test_an_identity_is_never_overwritten(files: KeyFiles) -> None:
    with pytest.raises(FileExistsError):
        files.write_identity(NEXT)
    with pytest.raises(FileExistsError):
        files.write_document(1, DocumentKey(b"\x04" * 32), now=NOW)
    assert files.identity().kid == IDENTITY.kid


def test_halves_that_a_crash_left_without_a_card_are_replaced(files: KeyFiles) -> None:
    (files.folder / "identity.json").unlink()
    files.write_identity(NEXT)
    assert files.identity().kid == NEXT.kid


def test_a_removed_document_key_is_gone(files: KeyFiles) -> None:
    files.write_document(7, DocumentKey(b"\x04" * 32), now=NOW)
    first, second = files.documents()
    assert (first.seq, second.seq) == (1, 7)
    files.remove_document(first)
    assert [held.seq for held in files.documents()] == [7]
    assert not first.path.exists()


# Protection by a passphrase


def protected(folder: Path, **how: object) -> KeyFiles:
    """Return a key folder whose private files are under a passphrase."""
    found = KeyFiles(folder, passphrase=PASSPHRASE, **how)  # type: ignore[arg-type]
    found.create()
    found.write_identity(IDENTITY)
    found.write_document(1, DOCUMENT, now=NOW)
    return found


def test_the_passphrase_is_asked_once_and_opens_everything(tmp_path: Path) -> None:
    protected(tmp_path / "keys")
    asked = []

    def ask() -> str:
        asked.append(1)
        return PASSPHRASE

    files = KeyFiles(tmp_path / "keys", unlock=ask)
    assert files.identity().kid == IDENTITY.kid
    assert files.documents()[0].key.fingerprint == DOCUMENT.fingerprint
    assert len(asked) == 1
    names = {path.name for path in files.folder.iterdir()}
    assert names == {
        "identity-ed25519.pem.age",
        "identity-ml-dsa-65.pem.age",
        "document-1.key.age",
        "identity.json",
    }


def test_a_wrong_passphrase_is_one_sentence(tmp_path: Path) -> None:
    protected(tmp_path / "keys")
    files = KeyFiles(tmp_path / "keys", unlock=lambda: "wrong")
    assert "does not open with this passphrase" in refusal(files.identity)
    assert "nobody can be asked" in refusal(KeyFiles(tmp_path / "keys").identity)
    assert "nobody can be asked" in refusal(no_passphrase)


def test_no_secret_is_in_a_protected_file(tmp_path: Path) -> None:
    folder = protected(tmp_path / "keys").folder
    for file in folder.glob("*.age"):
        assert file.read_bytes().startswith(b"age-encryption.org/v1\n-> scrypt ")
        assert b"PRIVATE KEY" not in file.read_bytes()


@pytest.mark.skipif(shutil.which("age") is None, reason="age: apt-get install age")
@pytest.mark.skipif(shutil.which("script") is None, reason="script: apt-get install bsdutils")
def test_a_protected_file_opens_with_stock_age(tmp_path: Path) -> None:
    folder = protected(tmp_path / "keys").folder
    # age reads passphrases from a terminal only; `script` gives it one.
    done = subprocess.run(
        ["script", "-qec", f"age -d -o {tmp_path}/out {folder}/document-1.key.age", "/dev/null"],
        input=f"{PASSPHRASE}\n",
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert DOCUMENT.secret_text() in (tmp_path / "out").read_text()


# Credentials of the service


def test_credentials_are_read_first_and_never_written(files: KeyFiles, tmp_path: Path) -> None:
    lent = tmp_path / "credentials"
    shutil.move(files.folder, lent)
    own = tmp_path / "keys"
    own.mkdir(mode=0o700)
    shutil.copy(lent / "identity.json", own)
    for file in lent.iterdir():
        file.chmod(0o440)  # as systemd lends them, by an access list
    credentialed = KeyFiles(own, credentials=lent)
    assert credentialed.identity().kid == IDENTITY.kid
    (held,) = credentialed.documents()
    assert "remove it there" in refusal(lambda: credentialed.remove_document(held))
    credentialed.write_document(2, DocumentKey(b"\x04" * 32), now=NOW)
    assert [held.path.parent for held in credentialed.documents()] == [lent, own]
    (lent / NAMES[0]).chmod(0o444)
    assert "others can use" in refusal(credentialed.identity)


def test_a_mounted_secret_may_be_a_link(files: KeyFiles, tmp_path: Path) -> None:
    lent = tmp_path / "credentials"
    lent.mkdir(mode=0o700)
    for name in NAMES:
        shutil.move(files.folder / name, tmp_path / name)
        (lent / name).symlink_to(tmp_path / name)
    assert KeyFiles(files.folder, credentials=lent).identity().kid == IDENTITY.kid


def test_systemd_says_where_credentials_are() -> None:
    assert credentials_directory({"CREDENTIALS_DIRECTORY": "/run/c"}) == Path("/run/c")
    assert credentials_directory({}) is None
    assert credentials_directory({"CREDENTIALS_DIRECTORY": ""}) is None


# Importing


@pytest.mark.parametrize("algorithm", ["Ed25519", "ML-DSA-65"])
def test_encrypted_pkcs8_is_read_for_importing(algorithm: str) -> None:
    plain = load_pem_private_key(IDENTITY.secret_pem(algorithm), None)
    pem = plain.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a secret")
    )
    seed = b"\x01" * 32 if algorithm == "Ed25519" else b"\x02" * 32
    assert read_pem(algorithm, pem, name="x.pem", passphrase=b"a secret") == seed
    for wrong in (b"another", None):
        text = refusal(lambda given=wrong: read_pem(algorithm, pem, name="x.pem", passphrase=given))  # type: ignore[misc]
        assert text == "x.pem cannot be read, or not with this passphrase"
    plain_text = refusal(
        lambda: read_pem(
            algorithm, IDENTITY.secret_pem(algorithm), name="x.pem", passphrase=b"a secret"
        )
    )
    assert plain_text == "x.pem cannot be read, or not with this passphrase"


# Successions


def succession() -> bytes:
    """Return a signed succession from the present pair to the next one."""
    return ceremony.succeed(IDENTITY, NEXT, now=NOW)


def test_a_succession_moves_the_new_pair_into_place(files: KeyFiles) -> None:
    signed = succession()
    assert not files.is_succeeding()
    files.write_next(NEXT, signed)
    assert files.is_succeeding()
    assert not files.is_installing()
    assert not files.is_installed()
    assert files.succession() == signed
    assert files.identity().kid == IDENTITY.kid
    files.install_next()
    assert files.is_installed()
    assert files.identity().kid == NEXT.kid
    assert set(files.cards()) == {IDENTITY.kid, NEXT.kid}
    files.install_next()
    files.forget_next()
    assert not files.is_succeeding()
    assert files.identity().kid == NEXT.kid


def test_what_a_crash_left_of_a_next_pair_is_replaced(files: KeyFiles) -> None:
    building = files.folder / "next.new"
    building.mkdir(mode=0o700)
    (building / NAMES[0]).write_text("half")
    files.write_next(NEXT, succession())
    files.install_next()
    assert files.identity().kid == NEXT.kid


@pytest.mark.parametrize("step", [0, 1, 2])
def test_an_interrupted_installation_is_finished_by_the_next_one(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    files.write_next(NEXT, succession())
    real = Path.rename
    renamed: list[Path] = []

    def failing(self: Path, target: Path) -> Path:
        if len(renamed) == step:
            raise OSError("power cut")
        renamed.append(target)
        return real(self, target)

    with monkeypatch.context() as cut:
        cut.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="power cut"):
            files.install_next()
    assert files.is_installing() is (step > 0)
    if step > 0:
        assert "exchange keys succeed" in refusal(files.identity)
    files.install_next()
    assert files.identity().kid == NEXT.kid
    assert files.cards()[IDENTITY.kid] == IDENTITY.card


def test_a_protected_pair_takes_the_place_of_a_plain_one(files: KeyFiles) -> None:
    changed = KeyFiles(files.folder, passphrase=PASSPHRASE, unlock=lambda: PASSPHRASE)
    changed.write_next(NEXT, succession())
    changed.install_next()
    assert changed.identity().kid == NEXT.kid
    assert not (files.folder / NAMES[0]).exists()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make one guess of a passphrase cheap: its cost is tested where it is made."""
    monkeypatch.setattr(protection, "WORK_FACTOR", 10)
    monkeypatch.setattr(
        protection.PassphraseRecipient.__init__, "__kwdefaults__", {"work_factor": 10}
    )


def test_the_module_names_its_files_once() -> None:
    for name in (*NAMES, "identity.json", "document-<seq>.key", "next/", "former.json"):
        assert name in (keyfiles.__doc__ or "")
