"""The end of the demo: the withdrawal, and what is left of it in the hub's files."""

import shutil
import uuid
from http import HTTPStatus

from exchange.cli.demo_calls import Answer
from exchange.cli.demo_crossing import Consent, ask_gate, send, wait_for_mail
from exchange.cli.demo_documents import CANARY
from exchange.cli.demo_report import must
from exchange.cli.demo_scene import RECIPIENT, SENDER, Scene
from exchange.cli.demo_search import occurrences


def send_and_wait(scene: Scene, consent: Consent) -> str:
    """Send a second letter that nobody collects, while its recipient gets the payload."""
    # To look at afterwards: the gateway erases its own copies when the consent is withdrawn.
    shutil.copytree(scene.home(RECIPIENT) / "spool", scene.folder / "received")
    with scene.report.step(
        f"A second letter is sent; {RECIPIENT} holds its payload and has not collected it"
    ) as notes:
        scene.processes.stop(RECIPIENT)
        disclosure = send(scene, consent.id, sorted(scene.documents.glob("*.pdf")))
        payload = scene.call(RECIPIENT, "GET", f"/v1/disclosures/{disclosure}/payload")
        must(payload.status == HTTPStatus.OK, "the payload cannot be downloaded")
        kept = scene.folder / "payload-without-header.bin"
        kept.write_bytes(payload.body)
        notes.add(f"{len(payload.body)} bytes in {kept.name}: noise without the header")
    return disclosure


def withdraw(scene: Scene, consent: Consent) -> None:
    """Withdraw the consent at the sender's desk."""
    with scene.report.step("The client withdraws: no reason asked, effective at once"):
        scene.act(
            *(SENDER, "consent", "withdraw", consent.id),
            *("--by", "subject", "--channel", "in-person"),
        )


def refuse_after_withdrawal(
    scene: Scene, consent: Consent, disclosure: str, refusal: Answer
) -> None:
    """Show that neither what was sent before can be collected nor anything new be sent."""
    with scene.report.step("What was sent before can no longer be collected, by nobody") as notes:
        gate = f"/v1/disclosures/{disclosure}/collection"
        never = f"/v1/disclosures/{uuid.uuid4()}/collection"
        refused = scene.call(RECIPIENT, "POST", gate)
        must(refused.status == HTTPStatus.NOT_FOUND, "the header was released")
        must(refused == scene.call(RECIPIENT, "POST", never), "the refusal tells")
        notes.add(f"the hub says: {refused.status} {refused.body.decode('utf-8')}")
        notes.add("for a document that never existed it says the same, byte for byte")
    with scene.report.step("A second attempt to send is refused") as notes:
        said = send(scene, consent.id, sorted(scene.documents.glob("*.pdf")), refused=True)
        notes.add(f"the gateway says: {said.removeprefix('exchange: ')}")
        must(ask_gate(scene, consent.digest, "housing-loss") == refusal, "the refusal tells")
        notes.add("the hub gives the same refusal as without a consent, byte for byte")


def erase(scene: Scene) -> None:
    """Let the recipient learn that it must erase, do so, and sign for it."""
    with scene.report.step(f"{RECIPIENT} is told to erase, erases and confirms, signed") as notes:
        mail = wait_for_mail(scene, unlike=scene.subject)
        notes.add(f"told by e-mail: {mail['Subject']}")
        scene.act(RECIPIENT, "gateway", "fetch")
        spool = scene.home(RECIPIENT) / "spool"
        must(not occurrences(spool, [CANARY]), "the recipient still has what it must erase")
        told = scene.call(SENDER, "GET", "/v1/erasures").body
        must(b'"state":"erased"' in told, "the sender does not see the confirmation")
        notes.add("what the office had received lies in `received`, copied before, to look at")


def search(scene: Scene) -> None:
    """Search everything the hub has for the canary of contents, names and subject."""
    with scene.report.step(
        "The hub's whole data directory is searched for content, file names and subject: nothing"
    ) as notes:
        must(occurrences(scene.documents, [CANARY]), "the search does not find what it should")
        files = [file for file in scene.hub.rglob("*") if file.is_file()]
        must(not occurrences(scene.hub, [CANARY]), "the hub holds what it must not")
        must(not occurrences(scene.processes.logs, [CANARY]), "a log holds what it must not")
        must(not occurrences(scene.mails, [CANARY]), "a mail holds what it must not")
        size = sum(file.stat().st_size for file in files)
        notes.add(f"{len(files)} files, {size} bytes, and all logs and mails; looked for {CANARY}")
