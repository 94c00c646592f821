"""The scene of the demo: its folder, its two agencies, and how its steps act in their place."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from exchange.canonical import Json
from exchange.cli.demo_calls import Answer, call
from exchange.cli.demo_processes import Processes, until
from exchange.cli.demo_report import Failed, Report, must

SENDER = "jobcentre-a"
"""Sees arrears, asks the client, and sends. Its keys, like those below, anybody can derive."""
RECIPIENT = "women-b"
"""Helps with what lies behind the arrears; has no IT."""
MAIL_HOST = "127.0.0.1"
MAIL_USER = "exchange"
"""Where the mail server of the demo listens, and as whom the hub logs in."""
MAIL_LOGIN = "login.txt"
MAIL_CERTIFICATE = "certificate.pem"
"""Files the mail server writes: what the hub logs in with, and which certificate it trusts."""
CASETOOL_KEY = "key.txt"
"""File the case tool writes: what deliveries to it are signed with."""
MAILBOX = f"post@{RECIPIENT}.example"
"""Where the recipient's notices go."""


@dataclass
class Scene:
    """What the steps of the demo share."""

    folder: Path
    report: Report
    processes: Processes
    origin: str
    exp: int
    """Seconds since 1970: when disclosures that are asked about would expire."""
    keys: tuple[str, ...] = ("--demo",)
    """What makes gateways take demo keys; empty for keys of their own."""
    mail_port: int = 0
    """Where the mail server listens, once it does."""
    subject: str = ""
    """Subject of the mail that says that something waits."""
    kids: dict[str, str] = field(default_factory=dict)
    """Name of each agency's identity key, as its gateway printed it."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Access tokens of the agencies, fetched when first needed."""

    @property
    def hub(self) -> Path:
        """Home of the hub: everything it knows."""
        return self.folder / "hub"

    @property
    def policy(self) -> Path:
        """Policy file of the hub's log, as its operator hands it out."""
        return self.folder / "log-policy"

    @property
    def mails(self) -> Path:
        """Folder of the mail server."""
        return self.folder / "mails"

    @property
    def casetool(self) -> Path:
        """Folder of the case tool, where a network has one."""
        return self.folder / "casetool"

    @property
    def documents(self) -> Path:
        """Plaintext of the sender, before it is sealed."""
        return self.folder / "documents"

    def home(self, agency: str) -> Path:
        """Home of an agency's gateway."""
        return self.folder / agency

    def act(self, agency: str, *arguments: str, refused: bool = False) -> str:
        """Run `exchange ARGUMENTS` in the place of `agency` and return what it printed."""
        home = str(self.home(agency))
        return self.processes.run(*arguments, "--home", home, *self.keys, refused=refused)

    def call(
        self, agency: str, method: str, path: str, body: dict[str, Json] | None = None
    ) -> Answer:
        """Send one raw request to the hub in the place of `agency`."""
        if agency not in self.tokens:
            self.tokens[agency] = self.act(agency, "gateway", "token").strip()
        return call(self.origin, self.tokens[agency], method, path, body)

    def state(self, disclosure: str) -> str:
        """Return the state of a disclosure as its sender sees it."""
        answer = self.call(SENDER, "GET", f"/v1/disclosures/{disclosure}")
        must(answer.status == HTTPStatus.OK, "the sender cannot see its own disclosure")
        return str(answer.value["state"])

    def wait_for(self, disclosure: str, state: str) -> None:
        """Wait until a disclosure has reached `state`."""
        for _ in until(f"the document is {state}"):
            if self.state(disclosure) == state:
                return


def together(*works: Callable[[], object]) -> None:
    """Do several things at once and wait for all; the first that fails fails all."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def word_after(text: str, word: str) -> str:
    """Return what follows `word` on the line of `text` that begins with it."""
    for line in text.splitlines():
        found = line.split()
        if len(found) > 1 and found[0] == word:
            return found[1]
    raise Failed(f"nothing was printed about {word}")
