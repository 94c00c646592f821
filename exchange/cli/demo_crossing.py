"""The middle of the demo: no consent, no document; with one, a letter and a scan cross."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http import HTTPStatus
from pathlib import Path

from exchange.canonical import Json, b64u, labelled, unb64u
from exchange.cli.demo_calls import Answer
from exchange.cli.demo_documents import CANARY, pdf, write_letter, write_scan
from exchange.cli.demo_foreign import ADVICE, foreign_tool, open_foreign
from exchange.cli.demo_processes import until
from exchange.cli.demo_report import must
from exchange.cli.demo_scene import MAILBOX, RECIPIENT, SENDER, Scene, word_after
from exchange.cli.demo_search import occurrences
from exchange.cli.demo_setting import AGREEMENT_ID
from exchange.consent import binding

PAGES = 4
"""Pages of the scan: four of 8.7 MB make 35 MB."""
CATEGORY = "rent-arrears-letter"
MEBI = 1024 * 1024
FORM = (
    "Consent (demonstration)",
    "",
    "This stands for the scan of the form the client has signed.",
)
SUBJECT = f"""\
family_name = "{CANARY}"
given_name = "a client"
born = 1990-01-01
"""


@dataclass(frozen=True, slots=True)
class Consent:
    """The consent of the demo, as the command line printed it."""

    id: str
    digest: str


def refuse_without_consent(scene: Scene) -> Answer:
    """Show that nothing goes without a consent, and return the hub's answer to keep it."""
    with scene.report.step("Without a consent nothing goes; the refusal tells nothing") as notes:
        scene.documents.mkdir()
        letter = write_letter(scene.documents)
        said = send(scene, str(uuid.uuid4()), [letter], refused=True)
        notes.add(f"the gateway says: {said.removeprefix('exchange: ')}")
        unknown = ask_gate(scene, b64u(labelled("demo", b"no such consent")), "housing-loss")
        must(unknown.status == HTTPStatus.FORBIDDEN, "the hub did not refuse")
        notes.add(f"the hub says: {unknown.status} {unknown.body.decode('utf-8')}")
    return unknown


def record_consent(scene: Scene, refusal: Answer, *, until_day: str) -> Consent:
    """Record the consent; show that its mere existence changes no refusal."""
    with scene.report.step("The client's written consent is recorded and signed") as notes:
        drafts = scene.folder / "drafts"
        (drafts / "subject.toml").write_text(SUBJECT, encoding="utf-8")
        (drafts / "form.pdf").write_bytes(pdf(FORM))
        draft = drafts / "consent.toml"
        scene.act(
            SENDER,
            *("consent", "new", str(draft), "--agreement", AGREEMENT_ID, "--purpose"),
            *("housing-loss", "--releaser", SENDER, "--recipient", RECIPIENT, "--category"),
            *(CATEGORY, "--uses", "recurring", "--until", until_day, "--lang", "en"),
            *("--evidence", str(drafts / "form.pdf"), "--subject", str(drafts / "subject.toml")),
        )
        text = (drafts / "consent.en.txt").read_text(encoding="utf-8")
        notes.add(f"the client reads before: {text.splitlines()[0]}, {len(text.split())} words")
        shown = scene.act(SENDER, "consent", "sign", str(draft))
        consent = Consent(word_after(shown, "recorded"), word_after(shown, "digest"))
        for named in (draft, drafts / "subject.toml"):
            named.unlink()  # they name a person
        permitted = ask_gate(scene, consent.digest, "housing-loss")
        must(permitted.status == HTTPStatus.OK, "the gate does not permit what the consent covers")
        other = ask_gate(scene, consent.digest, "energy-debt")
        must(other == refusal, "a refusal tells whether a consent exists")
        notes.add("for another purpose the hub gives the same refusal as before, byte for byte")
    return consent


def send_letter(scene: Scene, consent: Consent) -> str:
    """Send the letter and see its notice arrive by e-mail; return the disclosure's id."""
    with scene.report.step("A letter (PDF) is sealed, signed and sent") as notes:
        disclosure = send(scene, consent.id, sorted(scene.documents.glob("*.pdf")))
        notes.add(f"disclosure {disclosure}")
        notes.add("done with its receipt from the log, verified by the sender")
    with scene.report.step(f"{RECIPIENT} is told by e-mail, without content") as notes:
        mail = wait_for_mail(scene)
        must(not occurrences(scene.mails, [CANARY, disclosure, SENDER]), "the e-mail tells")
        must(mail["To"] == MAILBOX, "the e-mail went elsewhere")
        scene.subject = str(mail["Subject"])
        notes.add(f"subject: {scene.subject}")
    return disclosure


def open_with_foreign_tools(scene: Scene, disclosure: str) -> None:
    """Collect the letter by hand and open it with age and tar that are not ours."""
    with scene.report.step("The sealed file is opened by a foreign age implementation") as notes:
        tool = foreign_tool()
        if tool is None:
            notes.add(f"skipped: {ADVICE}")
            return
        into = scene.folder / "opened-by-others"
        into.mkdir()
        payload = scene.call(RECIPIENT, "GET", f"/v1/disclosures/{disclosure}/payload")
        gate = scene.call(RECIPIENT, "POST", f"/v1/disclosures/{disclosure}/collection")
        must(gate.status == HTTPStatus.OK, "the recipient cannot collect")
        sealed = scene.folder / "letter.age"
        sealed.write_bytes(unb64u(str(gate.value["header"])) + payload.body)
        key = scene.home(RECIPIENT) / "keys" / "document-1.key"
        files = open_foreign(tool, key=key, sealed=sealed, into=into)
        notice = files / binding.NAME
        must(notice.is_file(), "the notice on the purpose is missing")
        words = notice.read_text(encoding="utf-8").splitlines()[0]
        notice.unlink()
        must(_digests(files) == _digests(scene.documents), "another file came out")
        notes.add(f"by {tool} and tar: {sealed.name}, byte for byte the letter")
        notes.add(f"before it lies the notice on the purpose: {words}")


def receive_letter(scene: Scene, disclosure: str) -> None:
    """Start the recipient's gateway; it collects, converts and acknowledges the letter."""
    with scene.report.step("Its gateway verifies, collects, converts and acknowledges the letter"):
        scene.processes.exchange(
            RECIPIENT, "gateway", "run", "--home", str(scene.home(RECIPIENT)), "--demo"
        )
        scene.wait_for(disclosure, "acknowledged")
        _must_have_arrived(scene, sorted(scene.documents.glob("*.pdf")))


def cross_with_scan(scene: Scene, consent: Consent) -> None:
    """Send a large scan of several files in one disclosure, and see it arrive."""
    pages = write_scan(scene.documents, PAGES)
    size = sum(page.stat().st_size for page in pages) // MEBI
    with scene.report.step(f"A scan of {len(pages)} files, {size} MiB, is sealed and sent"):
        disclosure = send(scene, consent.id, pages)
    with scene.report.step("It arrives complete, and is acknowledged") as notes:
        scene.wait_for(disclosure, "acknowledged")
        _must_have_arrived(scene, pages)
        notes.add("every file has the SHA-256 it was sent with; a readable index lies beside them")


def send(scene: Scene, consent: str, files: Sequence[Path], *, refused: bool = False) -> str:
    """Send `files` with the sender's gateway; return the id, or the words of the refusal."""
    said = scene.act(
        SENDER,
        *("gateway", "send", *map(str, files), "--consent", consent),
        *("--to", RECIPIENT, "--category", CATEGORY),
        refused=refused,
    )
    return said if refused else word_after(said, "stored")


def ask_gate(scene: Scene, consent: str, purpose: str) -> Answer:
    """Ask the hub as the sender whether it would permit a letter; return the raw answer."""
    asked: dict[str, Json] = {
        "consent": consent,
        "recipients": [RECIPIENT],
        "purpose": purpose,
        "category": CATEGORY,
        "secrecy": "social",
        "exp": scene.exp,
    }
    return scene.call(SENDER, "POST", "/v1/decisions", asked)


def wait_for_mail(scene: Scene, *, unlike: str = "") -> EmailMessage:
    """Wait until a mail has arrived with a subject other than `unlike`, and return it."""
    for _ in until("an e-mail arrives"):
        for file in sorted(scene.mails.glob("*.eml")):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            if str(mail["Subject"]) != unlike:
                return mail
    raise AssertionError  # `until` ends by an error of its own


def _must_have_arrived(scene: Scene, files: Sequence[Path]) -> None:
    found = _digests(scene.home(RECIPIENT) / "spool")
    for file in files:
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        must(sha256 in found, "a file did not arrive as it was sent")


def _digests(folder: Path) -> set[str]:
    found = set()
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                found.add(hashlib.file_digest(opened, "sha256").hexdigest())
    return found
