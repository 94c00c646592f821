"""The steps of a network's story: what people at the offices do, by the command line."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import singledispatch
from pathlib import Path

from exchange.cli import demo_setting
from exchange.cli.demo_documents import CANARY, pdf, write_paper, write_scan
from exchange.cli.demo_processes import Done, until
from exchange.cli.demo_report import Notes, must
from exchange.cli.demo_scene import word_after
from exchange.cli.demo_search import occurrences
from exchange.cli.network_plan import Arrive, Ask, Consent, Erased, Notice, Send, Step, Withdraw
from exchange.cli.network_stage import Stage
from exchange.errors import Malformed

FORM = ("Consent (demonstration)", "", "This stands for the scan of the signed form.")
ANSWER_DAYS = 14
"""Days a partner has to answer a request."""
ADULT = 30
"""Years since the person was born, where a step says nothing of it."""
SCANNED = 2
"""Pages of a scan."""


def play(stage: Stage) -> None:
    """Play every step of the story, each told by its own words."""
    drafts = stage.scene.folder / "drafts"
    (drafts / "form.pdf").write_bytes(pdf(FORM))
    for told in stage.network.story:
        with stage.scene.report.step(told.say) as notes:
            act(told.step, stage, notes)


@singledispatch
def act(step: Step, stage: Stage, notes: Notes) -> None:
    """Do one step, or stop the play."""
    raise NotImplementedError


@act.register
def _(step: Consent, stage: Stage, notes: Notes) -> None:
    drafts = stage.scene.folder / "drafts"
    draft, subject = drafts / f"{step.name}.toml", drafts / "subject.toml"
    subject.write_text(_subject(step), encoding="utf-8")
    done = _taken_down(step, stage, draft, subject)
    for named in (draft, subject):
        named.unlink(missing_ok=True)  # they name a person
    if not step.refused:
        must(done.status == 0, f"the consent was not recorded: {done.complaint}")
        stage.consents[step.name] = word_after(done.shown, "recorded")
        return
    must(done.status, "it was not refused")
    must(step.refused in done.complaint, f"it was refused, but not by {step.refused}")
    notes.add(done.complaint.removeprefix("exchange: ").splitlines()[0])


def _taken_down(step: Consent, stage: Stage, draft: Path, subject: Path) -> Done:
    """Write the draft, complete it, show its text and sign it; stop where it is refused."""
    scene = stage.scene
    at = ("--home", str(scene.home(step.by)), *scene.keys)
    done = scene.processes.tried(
        *("consent", "new", str(draft), "--agreement", demo_setting.AGREEMENT_ID),
        *("--purpose", step.purpose, "--uses", step.uses, "--form", step.form),
        *("--lang", step.lang, "--until", _in(step.days).isoformat()),
        *("--evidence", str(draft.parent / "form.pdf"), "--subject", str(subject)),
        *_repeated("--releaser", step.releasers),
        *_repeated("--recipient", step.recipients),
        *_repeated("--category", step.categories),
        *at,
    )
    for command in ("text", "sign"):
        if done.status == 0:
            if command == "text":
                _rewrite(draft, step.draft)
            done = scene.processes.tried("consent", command, str(draft), *at)
    return done


@act.register
def _(step: Send, stage: Stage, notes: Notes) -> None:
    more = [
        *(("--answers", stage.asked[step.answers]) if step.answers else ()),
        *(("--onward-of", stage.sent[step.onward_of][0]) if step.onward_of else ()),
        *(("--secrecy", step.secrecy) if step.secrecy else ()),
    ]
    said = stage.scene.act(
        *(step.by, "gateway", "send", *_files(stage, step), "--consent"),
        *(stage.consents[step.under], "--category", step.category, *more),
        *_repeated("--to", step.to),
        refused=bool(step.refused),
    )
    if step.refused:
        must(step.refused in said, "it was refused for another reason")
        notes.add(f"the gateway says: {said.removeprefix('exchange: ').splitlines()[0]}")
        return
    stored = [line.split() for line in said.splitlines() if line.startswith("stored ")]
    must(len(stored) == len(step.to), "not every document was stored")
    stage.sent[step.name] = tuple(words[1] for words in stored)


@act.register
def _(step: Arrive, stage: Stage, notes: Notes) -> None:
    before = {pattern: _matching(stage, step.at, pattern) for pattern in step.files}
    if step.running:
        demo_setting.run_gateway(stage.scene, step.at)
    new: list[list[Path]] = []
    for _ in until("the document has arrived"):
        if not step.running:
            stage.scene.act(step.at, "gateway", "fetch")
        new = [sorted(_matching(stage, step.at, one) - before[one]) for one in step.files]
        if all(new):
            break
    if step.running:
        stage.scene.processes.stop(step.at)
    for files in new:
        notes.add(str(files[0].relative_to(stage.scene.folder)))
    _keep(stage, step.at)


def _matching(stage: Stage, agency: str, pattern: str) -> set[Path]:
    """Return the files that a pattern of a step means."""
    if pattern.startswith("/"):
        return set(stage.scene.folder.glob(pattern[1:]))
    return set(stage.scene.home(agency).glob(pattern))


@act.register
def _(step: Ask, stage: Stage, notes: Notes) -> None:
    draft = stage.scene.folder / "drafts" / f"{step.name}.toml"
    stage.scene.processes.run(
        *("requests", "new", str(draft), "--agreement", demo_setting.AGREEMENT_ID),
        *("--to", step.to, "--purpose", step.purpose, "--until", _in(ANSWER_DAYS).isoformat()),
        *("--consent", stage.consents[step.under]),
        *_repeated("--category", step.categories),
    )
    _rewrite(
        draft,
        {
            'needed = ""': f'needed = "{CANARY}: what the client has told us of"',
            'why = ""': 'why = "the next step depends on it"',
            'family_name = ""': f'family_name = "{CANARY}"',
            'given_name = ""': 'given_name = "a client"',
            'born = ""': f"born = {_born(ADULT).isoformat()}",
        },
    )
    stage.asked[step.name] = word_after(
        stage.scene.act(step.by, "requests", "ask", str(draft)), "asked"
    )
    draft.unlink()  # it names a person
    stage.scene.act(step.to, "gateway", "fetch")
    waits = stage.scene.act(step.to, "requests", "list")
    must(stage.asked[step.name] in waits, "the partner does not see the request")


@act.register
def _(step: Notice, stage: Stage, notes: Notes) -> None:
    folder = stage.scene.mails
    for _ in until("an e-mail arrives"):
        if len(list(folder.glob("*.eml"))) > stage.mails:
            break
    stage.mails = len(list(folder.glob("*.eml")))
    must(not occurrences(folder, [CANARY]), "the e-mail tells what it is about")


@act.register
def _(step: Withdraw, stage: Stage, notes: Notes) -> None:
    stage.scene.act(
        *(step.at, "consent", "withdraw", stage.consents[step.under]),
        *("--by", step.by, "--channel", "in-person"),
    )


@act.register
def _(step: Erased, stage: Stage, notes: Notes) -> None:
    spool = stage.scene.home(step.at) / "spool"
    for _ in until("the recipient has erased what it must"):
        stage.scene.act(step.at, "gateway", "fetch")
        if not occurrences(spool, [CANARY]):
            break


def _subject(step: Consent) -> str:
    guardians = "".join(
        "\n[[guardians]]\n" + "".join(f'{name} = "{text}"\n' for name, text in one.items())
        for one in step.guardians
    )
    born = _born(step.age).isoformat()
    return f'family_name = "{CANARY}"\ngiven_name = "a client"\nborn = {born}\n{guardians}'


def _rewrite(draft: Path, lines: Mapping[str, str]) -> None:
    """Write lines of a draft otherwise, as people do with an editor."""
    text = draft.read_text(encoding="utf-8")
    for old, new in lines.items():
        must(old in text, f"the draft has no line that begins with {old}")
        text = text.replace(old, new, 1)
    draft.write_text(text, encoding="utf-8")


def _repeated(option: str, values: Sequence[str]) -> Sequence[str]:
    return [part for value in values for part in (option, value)]


def _in(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=days)  # noqa: TID251 -- a command's clock


def _born(years: int) -> date:
    return _in(-int(years * 365.25) - 30)


def _files(stage: Stage, step: Send) -> list[str]:
    documents = stage.scene.folder / "documents"
    folder = documents / (step.same_as or step.name)
    if not step.same_as:
        folder.mkdir(parents=True)
        for kind in step.files:
            _write(kind, folder, step.name)
    return sorted(map(str, folder.iterdir()))


def _write(kind: str, folder: Path, name: str) -> None:
    match kind:
        case "paper":
            write_paper(folder, name)
        case "scan":
            write_scan(folder, SCANNED)
        case "note":
            (folder / f"{name}-{CANARY}.txt").write_text(f"{CANARY} {name}", encoding="utf-8")
        case "program":
            (folder / f"{name}-{CANARY}.exe").write_bytes(b"MZ" + CANARY.encode())
        case _:
            raise Malformed(f"there is no kind of document {kind}")


def _keep(stage: Stage, agency: str) -> None:
    """Copy what an office has received: its gateway erases it when a consent is withdrawn."""
    received = stage.scene.folder / "received" / agency
    shutil.copytree(stage.scene.home(agency) / "spool", received, dirs_exist_ok=True)
