"""The first steps of the demo: a hub, a mail server, two gateways, and the agreement."""

from pathlib import Path

from exchange.cli.demo_processes import free_port, until
from exchange.cli.demo_report import must
from exchange.cli.demo_scene import (
    MAIL_CERTIFICATE,
    MAIL_HOST,
    MAIL_LOGIN,
    MAIL_USER,
    MAILBOX,
    RECIPIENT,
    SENDER,
    Scene,
    together,
    word_after,
)

HUB_SETTINGS = """\
demo = true

[notices]
hub_name = "Exchange of the district (demo)"
quiet_s = 0.2  # one notice for each document, as the demo waits for each

[log]
witness_interval_s = 1  # heads are published at this pace

[plugins.smtp]
host = "{host}"
port = {port}
username = "{username}"
password_file = "{folder}/{login}"
ca_file = "{folder}/{certificate}"
sender = "notices@hub.example"
"""
AGREEMENT_ID = "7a0c2f9e-4d1b-4a57-9c3e-2b8f6d5e1a90"
AGREEMENT = f"""\
id = "{AGREEMENT_ID}"
title = "Agreement of jobcentre and women's organisation to keep homes (demo)"
authority = "data protection authority of the state"
collectors = ["{SENDER}"]
purposes = ["housing-loss"]
sole_basis = true
refusal_consequences = "none"

[term]
from = {{today}}
first_year = {{year}}
notice_months = 3

[[parties]]
agency = "{SENDER}"
name = "Jobcentre A"
contact = "Street 1, town"
officer = "Street 1, town, privacy officer"
public_label = "Amt 1"
body = "sgb35"
secret_keeper = false
benefit = true

[[parties]]
agency = "{RECIPIENT}"
name = "Women's organisation B"
contact = "Street 2, town"
officer = "Street 2, town, privacy officer"
public_label = "Beratungsstelle 2"
body = "private"
secret_keeper = true
benefit = false

[[flows]]
from = "{SENDER}"
to = "{RECIPIENT}"
categories = ["rent-arrears-letter", "tenancy-termination"]
secrecy = "social"
release = "consent"

[[undertakings]]
agency = "{RECIPIENT}"

[[attestations]]
code = "operator-bound-to-secrecy"
date = {{today}}

[[attestations]]
code = "processing-contract"
date = {{today}}

[retention]
years = 3
words.de = "drei Jahre nach ihrem Ende, dann bis zum Jahresende"
words.de-simple = "3 Jahre und bis zum Ende vom Jahr"
words.en = "three years after it ended, then to the end of that year"

[limits]
once_days = 183
days = 366

[hub]
operator = "IT of the district"
storage_location = "Deutschland"
page = "hub.example/p/"
"""
ROLES = ("head of office", "privacy officer")


def set_up(scene: Scene) -> None:
    """Start the mail server and the hub, make both gateways, and let them know each other."""
    with scene.report.step("A mail server and a hub run, each as a process of its own"):
        start_mail(scene)
        make_hub(scene)
        together(lambda: make_gateway(scene, SENDER), lambda: make_gateway(scene, RECIPIENT))
        append(
            scene.hub / "hub.toml",
            HUB_SETTINGS.format(
                host=MAIL_HOST,
                port=scene.mail_port,
                username=MAIL_USER,
                folder=scene.mails,
                login=MAIL_LOGIN,
                certificate=MAIL_CERTIFICATE,
            ),
        )
        serve_hub(scene)
    with scene.report.step(
        "Two agencies are admitted; each has compared and pinned the other's fingerprint"
    ) as notes:
        together(lambda: admit(scene, SENDER), lambda: admit(scene, RECIPIENT, ("smtp", MAILBOX)))
        together(lambda: _meet(scene, SENDER, RECIPIENT), lambda: _meet(scene, RECIPIENT, SENDER))
        notes.add(f"{SENDER} sends; {RECIPIENT} has no IT: a folder and e-mail without content")


def agree(scene: Scene, *, today: str) -> None:
    """Let both agencies sign the agreement."""
    with scene.report.step("The agreement is proposed, and signed by both: in force") as notes:
        drafts = scene.folder / "drafts"
        drafts.mkdir()
        draft = drafts / "agreement.toml"
        draft.write_text(AGREEMENT.format(today=today, year=today[:4]), encoding="utf-8")
        scene.act(SENDER, "agreement", "propose", str(draft))
        shown = scene.act(RECIPIENT, "agreement", "sign", AGREEMENT_ID, "--yes")
        must("in force" in shown, "the agreement is not in force after both have signed")
        notes.add(f"{SENDER} to {RECIPIENT}: rent arrears letters, to avert the loss of a home")


def start_mail(scene: Scene) -> None:
    """Start the mail server and wait until it listens."""
    scene.mail_port = _started(scene, "mail", scene.mails)


def start_casetool(scene: Scene) -> int:
    """Start the case tool and wait until it listens; return its port."""
    return _started(scene, "casetool", scene.casetool)


def _started(scene: Scene, name: str, folder: Path) -> int:
    """Start a program of the demo that prints the port it listens on; return that port."""
    folder.mkdir()
    scene.processes.start(name, ["-m", f"exchange.cli.demo_{name}", str(folder)])
    for _ in until(f"the {name} server listens"):
        must(scene.processes.alive(name), f"the {name} server did not start; see its log")
        port = scene.processes.log(name).strip()
        if port.isdigit():
            return int(port)
    raise AssertionError  # `until` ends by an error of its own


def make_hub(scene: Scene) -> None:
    """Make the home of the hub, and the policy of its log."""
    scene.processes.run("hub", "init", "--home", str(scene.hub), "--origin", scene.origin)
    # Handed to the agencies by the hub's operator, never fetched from the hub.
    handed = scene.processes.run("log", "policy", "--home", str(scene.hub))
    scene.policy.write_text(handed, encoding="utf-8")


def make_gateway(scene: Scene, agency: str, *, intake: str = "folder") -> None:
    """Make the home of an agency's gateway."""
    shown = scene.act(
        agency,
        *("gateway", "init", "--agency", agency, "--hub", scene.origin),
        *("--log-policy", str(scene.policy), "--intake", intake),
        # Gateways of one machine listen at ports of their own.
        *("--listen", f"127.0.0.1:{free_port()}"),
    )
    scene.kids[agency] = word_after(shown, "kid:")


def append(file: Path, more: str) -> None:
    """Add settings to a file: names before its first table, tables after its last.

    Names without a table come first in TOML.
    """
    names, _, tables = f"\n{more}".partition("\n[")
    made = file.read_text(encoding="utf-8")
    rest = f"[{tables}" if tables else ""
    file.write_text(f"{names.lstrip()}\n{made}\n{rest}", encoding="utf-8")


def serve_hub(scene: Scene) -> None:
    """Start the hub and wait until it serves."""
    scene.processes.exchange("hub", "hub", "serve", "--home", str(scene.hub))
    for _ in until("the hub serves"):
        must(scene.processes.alive("hub"), "the hub did not start; see logs/hub.log")
        if "serving " in scene.processes.log("hub"):
            break


def run_gateway(scene: Scene, agency: str) -> None:
    """Start an agency's gateway, to run beside all that follows, and wait until it does."""
    at = ("--home", str(scene.home(agency)), *scene.keys)
    scene.processes.exchange(agency, "gateway", "run", *at)
    for _ in until(f"the gateway of {agency} runs"):
        must(scene.processes.alive(agency), f"it did not start; see logs/{agency}.log")
        if "is running" in scene.processes.log(agency):
            break


def admit(scene: Scene, agency: str, reach: tuple[str, str] | None = None) -> None:
    """Let the operator admit an agency; `reach` is the channel and the address of its notices."""
    card = scene.home(agency) / "keys" / "identity.json"
    where = () if reach is None else ("--channel", reach[0], "--address", reach[1])
    scene.processes.run("hub", "admit", str(card), "--home", str(scene.hub), *where)


def pin(scene: Scene, agency: str, partner: str) -> None:
    """Pin the partner's identity."""
    kid = scene.kids[partner]  # compared at a meeting, as far as this demo is concerned
    scene.processes.run(
        *("keys", "pin", partner, kid, "--method", "meeting", "--confirmed-by", *ROLES),
        *("--home", str(scene.home(agency))),
    )


def _meet(scene: Scene, agency: str, partner: str) -> None:
    """Pin the partner's identity, and publish one's own document key."""
    pin(scene, agency, partner)
    scene.act(agency, "gateway", "fetch")
