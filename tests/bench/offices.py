"""Two gateways and a hub of its own process: keys, pins, agreement and consent as offices do."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from exchange import canonical
from exchange.agency import agree
from exchange.agency import home as homes
from exchange.agency.app import open_gateway
from exchange.agency.hand_over import open_reception, published
from exchange.agency.home import Home
from exchange.agency.keyfiles import KeyFiles
from exchange.agency.parts import Gateway
from exchange.agency.pins import write_pin
from exchange.agency.publish import publish
from exchange.agency.rekey import Ring
from exchange.canonical import digest
from exchange.envelope.block import seal_block
from exchange.keyring.ceremony import new_identity
from exchange.keyring.directory import Method, Pin
from exchange.keyring.signing import IdentityKey
from exchange.members import write_time
from exchange.statement import Kind, seconds, sign
from tests.bench.place import GENEROUS
from tests.bench.processes import Child, running
from tests.ports import free_port
from tests.samples import AGREEMENT, CONSENT, changed, noticed

SENDER, RECIPIENT = "women-b", "jobcentre-a"


@dataclass(frozen=True, slots=True)
class Office:
    """One agency with its home."""

    home: Home
    identity: IdentityKey
    ring: Ring

    def gateway(self) -> object:
        return open_gateway(self.home.root)


class Offices:
    """A hub in `root/hub` and the homes of two agencies beside it."""

    def __init__(self, root: Path) -> None:
        os.umask(0o077)
        self.root = root
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.offices = {agency: self._office(agency) for agency in (SENDER, RECIPIENT)}
        for agency, office in self.offices.items():
            for other, foreign in self.offices.items():
                if other != agency:
                    known = Pin(
                        other,
                        foreign.identity.kid,
                        datetime.now(UTC).replace(microsecond=0),
                        Method.ANNEX,
                        ("head of office", "privacy officer"),
                    )
                    write_pin(office.home.pins, known)

    def _office(self, agency: str) -> Office:
        home = homes.at(self.root / agency)
        homes.create(home)
        home.settings_file.write_text(
            f'agency = "{agency}"\n[hub]\norigin = "{self.origin}"\n[poll]\nwait_s = 0\n'
        )
        ring = Ring(KeyFiles(home.keys), home.statements)
        identity = new_identity(agency)
        ring.files.create()
        ring.files.write_identity(identity)
        ring.rotate(now=datetime.now(UTC))
        return Office(home, identity, ring)

    @contextmanager
    def hub(self) -> Iterator[Child]:
        """Make the hub, run it as its own process and admit both agencies."""
        home = self.root / "hub"
        _exchange("hub", "init", "--home", str(home), "--origin", self.origin)
        policy = _exchange("log", "policy", "--home", str(home))
        for office in self.offices.values():
            office.home.log_policy.write_bytes(policy)
        with (home / "hub.toml").open("a") as settings:
            settings.write("[agency]\n")
            settings.writelines(f"{name} = {value}\n" for name, value in GENEROUS.items())
        serving = ["-m", "exchange.cli.main", "hub", "serve", "--home", str(home)]
        with running(serving, ready="serving") as child:
            for agency, office in self.offices.items():
                card = self.root / f"{agency}.json"
                card.write_bytes(canonical.encode(office.identity.card.payload()))
                _exchange("hub", "admit", str(card), "--home", str(home))
            yield child

    @asynccontextmanager
    async def open(self, agency: str) -> AsyncIterator[Gateway]:
        """Open one gateway in this process."""
        async with open_gateway(self.offices[agency].home.root) as gateway:
            yield gateway

    async def agreed(self) -> str:
        """Publish keys, agree, record a consent for any number of uses; return its id."""
        async with self.open(RECIPIENT) as jobcentre, self.open(SENDER) as women:
            async with open_reception(jobcentre) as reception:
                await publish(jobcentre, published(reception))
            await publish(women)
            draft = changed(AGREEMENT, id=str(uuid4()))
            for party in draft["parties"]:
                party["kid"] = self.offices[party["agency"]].identity.kid
            proposed = await agree.propose(
                jobcentre, {n: v for n, v in draft.items() if n not in {"iat", "drafted_by"}}
            )
            examined = await agree.examine(women, proposed.id)
            await agree.sign_agreement(women, examined.agreement)
            return await self._consent(women, examined.given.agreement)

    async def _consent(self, women: Gateway, agreement: str) -> str:
        now = datetime.now(UTC).replace(microsecond=0)
        consent, ref = str(uuid4()), str(uuid4())
        keys = [office.ring.current().key.recipient for office in self.offices.values()]
        sealed = seal_block({"consent": consent, "ref": ref, "subject": {}}, keys)
        payload = changed(
            CONSENT,
            id=consent,
            iat=seconds(now),
            agreement=agreement,
            subject={"ref": ref, "sealed": canonical.b64u(sealed)},
            valid_from=write_time(now),
            valid_until=write_time(now + timedelta(days=90)),
            collected_at=write_time(now),
            signers=[{"role": "subject", "at": write_time(now), "identified": "in-person"}],
            uses="recurring",
        )
        statement = sign(Kind.CONSENT, noticed(payload), women.identity)
        log_key, credential = (canonical.b64u(os.urandom(32)) for _ in range(2))
        await women.client.post_consent(statement, log_key, credential)
        assert digest(statement)
        return consent


def _exchange(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "exchange.cli.main", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout
