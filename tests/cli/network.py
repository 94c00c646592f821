"""One hub process and the homes of two agencies, worked with as a clerk does: by the commands."""

import contextlib
import io
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from exchange.cli.main import main

PATIENCE_S = 120.0
"""A start takes two seconds on an idle machine; a busy one must not fail for it."""
A, B = "jobcentre-a", "women-b"
FAMILY_NAME = "Canaryname"

AGREEMENT = """\
id = "3f0c9b1e-6f57-4a3c-9d22-0a4f6d1c7b11"
title = "Erhalt von Wohnraum"
authority = "Landesbeauftragte"
collectors = ["women-b"]
purposes = ["housing-loss"]
sole_basis = true
refusal_consequences = "none"
term = { from = 2026-01-01, first_year = 2026, notice_months = 1 }
retention = { years = 3, words = { de = "drei Jahre", de-simple = "3 Jahre", en = "three years" } }
limits = { once_days = 183, days = 366 }
hub = { operator = "IT", storage_location = "Deutschland", page = "hub.example/p/" }

[[parties]]
agency = "women-b"
name = "Frauenberatung"
contact = "Nebenweg 2"
officer = "officer@women-b.example"
public_label = "Beratungsstelle 3"
body = "private"
secret_keeper = true
benefit = false

[[parties]]
agency = "jobcentre-a"
name = "Jobcenter"
contact = "Am Markt 1"
officer = "officer@jobcentre-a.example"
public_label = "Amt 1"
body = "sgb35"
secret_keeper = false
benefit = true

[[flows]]
from = "women-b"
to = "jobcentre-a"
categories = ["tenancy-termination", "rent-arrears-letter"]
secrecy = "professional"

[[undertakings]]
agency = "women-b"
file = "undertaking.txt"

[[attestations]]
code = "operator-bound-to-secrecy"
date = 2026-01-01

[[attestations]]
code = "processing-contract"
date = 2026-01-01
"""

SUBJECT = f"""\
family_name = "{FAMILY_NAME}"
given_name = "Somebody"
born = 1990-05-17
particulars = "the flat on the second floor"
case_numbers = {{ jobcentre-a = "4711" }}
"""


@dataclass
class Done:
    """One command, run to its end."""

    code: int
    shown: str
    complaint: str

    def fact(self, label: str) -> str:
        """Return what stands behind `label` at the beginning of a line."""
        found = re.search(rf"^{re.escape(label)}\s+(.*)$", self.shown, re.MULTILINE)
        assert found is not None, self.shown + self.complaint
        return found[1]


@dataclass
class Network:
    """The folder of a hub `hub` and of agencies, each a home of its own name."""

    root: Path
    origin: str
    environment: dict[str, str] = field(default_factory=lambda: {**os.environ, "COLUMNS": "200"})

    def exchange(self, *arguments: str, home: str | None = None) -> Done:
        """Run `exchange ARGUMENTS` in the root folder: in this process, which is quicker."""
        where = [] if home is None else ["--home", home]
        shown, complaint = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(shown),
            contextlib.redirect_stderr(complaint),
        ):
            code = main([*arguments, *where])
        return Done(code, shown.getvalue(), complaint.getvalue())

    def process(self, *arguments: str) -> Done:
        """Run `exchange ARGUMENTS` in the root folder, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "exchange.cli.main", *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def must(self, *arguments: str, home: str | None = None) -> Done:
        """Run a command that succeeds."""
        done = self.exchange(*arguments, home=home)
        assert done.code == 0, f"{arguments}: {done.complaint}"
        return done

    def refused(self, *arguments: str, home: str | None = None) -> str:
        """Run a command that fails, and return its one line of complaint."""
        done = self.exchange(*arguments, home=home)
        assert done.code not in (0, None), done.shown
        assert len(done.complaint.strip().splitlines()) == 1, done.complaint
        assert done.complaint.startswith("exchange: ")
        return done.complaint.strip()

    def write(self, name: str, text: str) -> None:
        """Write a file into the root folder."""
        (self.root / name).write_text(text, encoding="utf-8")


def serve(network: Network) -> "subprocess.Popen[bytes]":
    """Start the hub and wait until it answers."""
    with (network.root / "hub.log").open("ab") as log:
        hub = subprocess.Popen(
            [sys.executable, "-m", "exchange.cli.main", "hub", "serve", "--home", "hub"],
            cwd=network.root,
            env=network.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(network.origin + "/healthz", timeout=2):  # noqa: S310
                return hub
        except (urllib.error.URLError, OSError):
            assert hub.poll() is None, (network.root / "hub.log").read_text()
            time.sleep(0.05)
    hub.kill()
    hub.wait()
    raise AssertionError("the hub did not start")


def join(network: Network, agency: str) -> str:
    """Make the home of an agency, admit it, publish its key; return its fingerprint."""
    network.write("log-policy", network.must("log", "policy", home="hub").shown)
    network.must(
        *("gateway", "init", "--agency", agency, "--hub", network.origin),
        *("--log-policy", "log-policy"),
        home=agency,
    )
    card = network.must("keys", "show", "--card", home=agency).shown
    network.write(f"{agency}.json", card)
    network.must("hub", "admit", f"{agency}.json", home="hub")
    network.must("keys", "statement", home=agency)
    return network.must("keys", "show", home=agency).fact("identity")


def pin(network: Network, home: str, agency: str, kid: str) -> None:
    """Pin `agency` at `home`, as two persons confirmed it."""
    network.must(
        *("keys", "pin", agency, kid, "--method", "annex"),
        *("--confirmed-by", "head of office", "privacy officer"),
        home=home,
    )


def draft(
    network: Network, agreement: str, name: str, *options: str, uses: str = "recurring"
) -> None:
    """Write the draft of a consent that B gives to disclose to A."""
    network.must(
        *("consent", "new", name, "--agreement", agreement),
        *("--releaser", B, "--recipient", A, "--category", "rent-arrears-letter"),
        *("--purpose", "housing-loss", "--until", "2027-01-31", "--uses", uses),
        *("--evidence", "scan.pdf", "--subject", "subject.toml"),
        *options,
        home=B,
    )


def recorded(network: Network, agreement: str, name: str) -> str:
    """Draft a consent and record it; return its id."""
    draft(network, agreement, name)
    return network.must("consent", "sign", name, home=B).fact("recorded")
