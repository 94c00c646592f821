"""`exchange keys`: an agency's identity and document keys, and whom it trusts.

Works on the files of a gateway's home. Commands that publish something open the gateway and so
need it alone: stop `exchange gateway run` first, start it again afterwards.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from exchange import canonical, jws
from exchange.agency import home as homes
from exchange.agency.client import HubClient
from exchange.agency.keyfiles import CARD, HeldKey, KeyFiles, credentials_directory, read_pem
from exchange.agency.pins import read_pins, write_pin
from exchange.agency.publish_keys import publish
from exchange.agency.rekey import Ring
from exchange.cli.place import HERE, Home, Place, opened
from exchange.errors import Conflict, Malformed, Misconfigured
from exchange.keyid import agency_id
from exchange.keyring import ceremony, selftest
from exchange.keyring.directory import KeyStatement, Method, Pin
from exchange.keyring.fingerprint import heard, qr_text, spoken
from exchange.keyring.signing import IdentityKey

LARGEST_PEM = 64 * 1024
"""Bytes of a key file that is imported."""

OwnAgency = Annotated[
    str, Parameter(help="Id of the agency: 2 to 63 characters of a-z, 0-9 and '-'.")
]


def keys_app() -> App:
    """Return the commands of `exchange keys`."""
    app = App(
        name="keys",
        help="Make, show, rotate, pin and revoke an agency's keys.",
        help_format="markdown",
        default_parameter=Parameter(negative=()),
    )
    for command in (new, show, pin, statement, rotate, revoke, retire, succeed):
        app.command(command)
    app.command(import_, name="import")
    return app


def new(
    agency: OwnAgency,
    *,
    passphrase: Annotated[
        bool, Parameter(help="Keep the private files under a passphrase (age, scrypt).")
    ] = False,
    at: Place = HERE,
) -> None:
    """Make the identity key of an agency and its first document key.

    The identity key signs everything the agency states; its fingerprint is printed in the annex of
    every cooperation agreement. The document key opens what partners send; it is replaced every
    30 days and is never backed up. Nothing is sent anywhere.
    """
    selftest.check()
    ring = _ring(at, passphrase=at.protection(wanted=passphrase))
    _install(ring, ceremony.new_identity(agency_id(agency)))
    _print_identity(ring)


def show(
    *,
    card: Annotated[
        bool,
        Parameter(help="Print the public identity card alone, as `exchange hub admit` reads it."),
    ] = False,
    at: Place = HERE,
) -> None:
    """Show this agency's fingerprint, its document keys and the partners it has pinned.

    Read the groups of the fingerprint aloud to compare it; a code for the annex stands below it.
    Nothing secret is printed.
    """
    ring = _ring(at)
    if card:
        print(canonical.encode(ring.files.card().payload()).decode("ascii"))
        return
    documents, pins = ring.files.documents(), read_pins(homes.at(at.home).pins)
    _print_identity(ring)
    _print_documents(documents, ring.newest())
    for trusted in pins.values():
        print(f"pinned      {trusted.agency}  {trusted.kid}")
        print(f"            {spoken(trusted.kid)}")
        print(f"            {trusted.method.value}, {' and '.join(trusted.confirmed_by)}")


def pin(
    agency: Annotated[str, Parameter(help="Id of the other agency.")],
    fingerprint: Annotated[
        str,
        Parameter(
            help="The 13 spoken groups in quotes, or the 43 characters of the kid.",
            allow_leading_hyphen=True,
        ),
    ],
    *,
    method: Annotated[
        Literal["annex", "meeting", "telephone"], Parameter(help="How it was compared.")
    ],
    confirmed_by: Annotated[
        tuple[str, str],
        Parameter(
            help="The two roles that compared it: 'head of office' 'privacy officer'. No names."
        ),
    ],
    home: Home = Path(),
    replace: Annotated[
        bool, Parameter(help="Trust another key than before; what was sealed stays as it is.")
    ] = False,
) -> None:
    """Trust the identity of another agency, after two persons have compared its fingerprint.

    The fingerprint comes from the annex of the agreement, a meeting or a telephone call, never
    from the hub. Without a pin nothing is sealed to an agency and nothing of it is opened.
    """
    kid = _kid(fingerprint)
    place = homes.at(home)
    if not place.pins.is_dir():
        raise Misconfigured(
            f"{place.root} is not the home of a gateway; make one with: exchange gateway init"
        )
    _check_pinning(place, agency, confirmed_by)
    before = read_pins(place.pins).get(agency_id(agency))
    if before is not None and before.kid != kid and not replace:
        raise Conflict(
            f"{agency} is pinned to another key, {spoken(before.kid)}; if two persons have "
            "confirmed the new one, add --replace"
        )
    write_pin(place.pins, Pin(agency, kid, _now(), Method(method), confirmed_by))
    print(f"pinned {agency}: {spoken(kid)}")


def statement(*, at: Place = HERE) -> None:
    """Issue the key statement again and publish it; the gateway does so every week by itself.

    A statement says which document key is in use. Partners accept it for 35 days at most.
    """
    _print_published(_publish(at, lambda ring, now: ring.announce(now=now)))


def rotate(*, at: Place = HERE) -> None:
    """Make a new document key and publish it; do so every 30 days.

    The old key is kept for 15 days, for documents under way; then `exchange keys retire`.
    """
    _print_published(_publish(at, lambda ring, now: ring.rotate(now=now)))


def revoke(
    fingerprint: Annotated[
        str,
        Parameter(
            help="Of the document key, as `exchange keys show` prints it, or spoken.",
            allow_leading_hyphen=True,
        ),
    ],
    *,
    at: Place = HERE,
) -> None:
    """Revoke a document key that is lost or stolen. At once; it cannot be taken back.

    The hub destroys the headers of everything still waiting that was sealed to it, so that a thief
    opens nothing more; the senders are told and send again. If it was the key in use, a new one
    takes its place.
    """
    lost = _kid(fingerprint)
    _print_published(_publish(at, lambda ring, now: ring.revoke(lost, now=now)))


def retire(*, at: Place = HERE) -> None:
    """Destroy the document keys whose time is over: replaced 15 days ago, or revoked.

    What was sealed to them can then never be opened again, by anybody.
    """

    async def work(ring: Ring, _client: HubClient, now: datetime) -> None:
        done = ring.retirable(now=now)
        for held in done:
            ring.retire(held, now=now)
            print(f"destroyed   {held.path.name}  {held.key.fingerprint}")
        if not done:
            print("no document key is ready to be destroyed")

    asyncio.run(_alone(at, work))


def succeed(*, at: Place = HERE) -> None:
    """Replace the identity key by a new one; the hub accepts both for 90 days.

    Nothing tells the partners: tell them, and print the new fingerprint in a new annex. Until two
    persons there have compared it and run `exchange keys pin` with `--replace`, a partner neither
    sends to this agency nor opens what it sends (key-not-pinned). Not for a stolen key, which
    proves nothing any more: then every partner removes its pin, and the ceremony begins anew. Run
    it again after an interruption.
    """
    files = _ring(at).files
    if files.is_installing():  # interrupted after the hub had stored it: no gateway opens now
        files.install_next()

    async def work(ring: Ring, client: HubClient, now: datetime) -> None:
        agency = ring.files.card().agency
        succession = ring.succeed(now=now)
        if not ring.files.is_installed():
            await client.put_succession(agency, succession)
        # The hub knows both pairs now; a crash from here on is repaired by the next run.
        stated = ring.install(now=now)
        await client.put_key_statement(agency, stated.statement)
        ring.conclude()

    asyncio.run(_alone(at, work))
    _print_identity(_ring(at))
    print("next        tell every partner; there: exchange keys pin AGENCY ... --replace")


def import_(
    agency: OwnAgency,
    ed25519: Annotated[Path, Parameter(help="PEM file of the Ed25519 half.")],
    ml_dsa_65: Annotated[Path, Parameter(help="PEM file of the ML-DSA-65 half.")],
    *,
    at: Place = HERE,
) -> None:
    """Take over an identity key from two PKCS#8 files, such as a backup, encrypted or not.

    Encrypted PKCS#8 protects badly, so the key is written anew as the other key files are.
    """
    seeds = []
    asking = at.unlock()
    passphrase: str | None = None
    for algorithm, path in ((jws.ED25519, ed25519), (jws.ML_DSA_65, ml_dsa_65)):
        pem = path.read_bytes()[:LARGEST_PEM]
        if passphrase is None and b"ENCRYPTED" in pem:
            passphrase = asking()
        given = passphrase.encode("utf-8") if passphrase and b"ENCRYPTED" in pem else None
        seeds.append(read_pem(algorithm, pem, name=path.name, passphrase=given))
    ring = _ring(Place(at.home))
    _install(ring, IdentityKey(agency_id(agency), *seeds))
    _print_identity(ring)


def _ring(at: Place, *, passphrase: str | None = None) -> Ring:
    place = homes.at(at.home)
    files = KeyFiles(
        place.keys,
        credentials=credentials_directory(environ),
        unlock=at.unlock(),
        passphrase=passphrase,
    )
    return Ring(files, place.statements)


def _install(ring: Ring, identity: IdentityKey) -> None:
    ring.files.create()
    try:
        ring.files.write_identity(identity)
    except FileExistsError:
        raise Conflict(
            "there is an identity key already; to replace it: exchange keys succeed"
        ) from None
    # A crash here leaves an identity without a document key; `exchange keys rotate` makes one.
    ring.rotate(now=_now())


async def _alone(at: Place, work: Callable[[Ring, HubClient, datetime], Awaitable[None]]) -> None:
    """Do `work` with the hub while no other process uses this home."""
    ring = _ring(at)
    async with opened(at) as gateway:
        await work(ring, gateway.client, gateway.clock())


def _publish(at: Place, make: Callable[[Ring, datetime], KeyStatement]) -> KeyStatement:
    published: list[KeyStatement] = []

    async def work(ring: Ring, client: HubClient, now: datetime) -> None:
        published.append(await publish(ring, client, lambda: make(ring, now), now=now))

    asyncio.run(_alone(at, work))
    return published[0]


def _check_pinning(place: homes.Home, agency: str, confirmed_by: tuple[str, str]) -> None:
    """Raise Malformed when one role would confirm alone, or an agency would pin itself."""
    first, second = (" ".join(role.split()).casefold() for role in confirmed_by)
    if first == second:
        raise Malformed("two persons compare a fingerprint: --confirmed-by takes two roles")
    if (place.keys / CARD).exists() and KeyFiles(place.keys).card().agency == agency:
        raise Malformed(f"{agency} is this agency itself; it pins its partners")


def _kid(text: str) -> str:
    """Return a fingerprint from its 43 characters or its spoken groups."""
    try:
        canonical.unb64u(text, size=32)
    except Malformed:
        return heard(text)
    return text


def _print_identity(ring: Ring) -> None:
    card = ring.files.card()
    print(f"agency      {card.agency}")
    print(f"identity    {card.kid}")
    print(f"spoken      {spoken(card.kid)}")
    print(f"code        {qr_text(card.agency, card.kid)}")


def _print_documents(documents: Iterable[HeldKey], newest: KeyStatement | None) -> None:
    for held in documents:
        state = "kept for documents under way"
        if newest is not None and held.key.recipient.text == newest.document:
            state = "in use"
        if newest is not None and held.key.fingerprint in newest.revoked:
            state = "revoked"
        print(f"document    {held.key.fingerprint}  {held.created:%Y-%m-%d}  {state}")


def _print_published(stated: KeyStatement) -> None:
    ends = datetime.fromtimestamp(stated.exp, UTC)
    print(f"published   key statement {stated.seq} of {stated.agency}, valid until {ends:%Y-%m-%d}")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251  # a command owns the clock
