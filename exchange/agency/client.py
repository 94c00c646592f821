"""The SDK: every operation of the hub as one typed method.

Raises the hub's error as the same class, so that a caller writes `except NotPermitted`. Signs
nothing and verifies nothing: what an answer claims is judged by `receive` and `partners`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from exchange.agency import content
from exchange.agency.calls import Calls, Credentials, Patience
from exchange.agency.content import Progress, unseen
from exchange.agency.log_calls import LogCalls
from exchange.agency.officer_calls import OfficerCalls
from exchange.agency.session import open_session
from exchange.agency.vouched import Vouched, status_in
from exchange.errors import HubMisbehaves
from exchange.wire import person, routes, shapes

ONE_SHOT_SIZE = 4 * 1024 * 1024
"""Sealed documents up to this many bytes go in one request; larger ones are announced first.

An announced document is decided about before its first byte travels, and resumes where it broke.
"""

LARGEST_NOTICE = 512 * 1024
"""Bytes of a text as it was shown; the longest shipped one has about 6 kB."""
LARGEST_FORM = 4 * 1024 * 1024
"""Bytes of a form; one with all its fonts has about 60 kB."""


class HubClient:
    """The hub, as one agency sees it. Make it with `connect`."""

    def __init__(self, calls: Calls) -> None:
        """Take what makes single calls."""
        self._calls = calls
        self.log = LogCalls(calls)
        """Questions about the hub's log."""
        self.officer = OfficerCalls(calls)
        """Questions of the agency's privacy officer."""

    def halt(self, reason: str = "log-split-view") -> None:
        """Let nothing more be exchanged with this hub, by this process; see `Calls.halt`."""
        self._calls.halt(reason)

    async def access_token(self, scope: str = "") -> str:
        """Return the access token that calls carry, for trying the API by hand."""
        return await self._calls.bearer(scope)

    # Directory and keys

    async def agencies(self, *, after: str | None = None, limit: int = 50) -> shapes.Agencies:
        """Return a page of the directory."""
        return await self._calls.call(routes.AGENCIES, shapes.Agencies, query=_page(after, limit))

    async def every_agency(self) -> AsyncIterator[shapes.Agency]:
        """Yield the whole directory, page by page."""
        after: str | None = None
        while True:
            page = await self.agencies(after=after)
            for agency in page.agencies:
                yield agency
            if not _goes_on(after, page.next, len(page.agencies)):
                return
            after = page.next

    async def agency(self, agency: str) -> shapes.Agency:
        """Return one agency of the directory; NotFound when there is none."""
        return await self._calls.call(routes.AGENCY, shapes.Agency, path={"id": agency})

    async def put_key_statement(self, agency: str, statement: bytes) -> shapes.KeyStatementStored:
        """Publish the caller's next key statement, whose exact bytes were persisted before."""
        return await self._calls.call(
            routes.PUT_KEY_STATEMENT,
            shapes.KeyStatementStored,
            path={"id": agency},
            body=_given(statement),
        )

    async def put_succession(self, agency: str, statement: bytes) -> shapes.SuccessionStored:
        """Register the caller's next identity."""
        return await self._calls.call(
            routes.PUT_SUCCESSION,
            shapes.SuccessionStored,
            path={"id": agency},
            body=_given(statement),
        )

    async def put_capabilities(
        self, agency: str, capabilities: shapes.Capabilities
    ) -> shapes.Capabilities:
        """Publish what the caller can receive."""
        return await self._calls.call(
            routes.PUT_CAPABILITIES, shapes.Capabilities, path={"id": agency}, body=capabilities
        )

    # Agreements

    async def post_agreement(self, statement: bytes) -> shapes.Agreement:
        """Propose an agreement."""
        return await self._calls.call(
            routes.POST_AGREEMENT, shapes.Agreement, body=_given(statement)
        )

    async def agreements(self, *, after: str | None = None, limit: int = 50) -> shapes.Agreements:
        """Return a page of the caller's agreements."""
        return await self._calls.call(
            routes.AGREEMENTS, shapes.Agreements, query=_page(after, limit)
        )

    async def every_agreement(self) -> AsyncIterator[shapes.Agreement]:
        """Yield all agreements of the caller, page by page."""
        after: str | None = None
        while True:
            page = await self.agreements(after=after)
            for agreement in page.agreements:
                yield agreement
            if not _goes_on(after, page.next, len(page.agreements)):
                return
            after = page.next

    async def agreement(self, agreement_id: str) -> shapes.Agreement:
        """Return one agreement with its signatures."""
        return await self._calls.call(
            routes.GET_AGREEMENT, shapes.Agreement, path={"id": agreement_id}
        )

    async def sign_agreement(self, agreement_id: str, statement: bytes) -> shapes.Agreement:
        """Hand in the caller's signature of an agreement."""
        return await self._calls.call(
            routes.SIGN_AGREEMENT,
            shapes.Agreement,
            path={"id": agreement_id},
            body=_given(statement),
        )

    async def give_notice(self, agreement_id: str, statement: bytes) -> shapes.Agreement:
        """Give notice of termination of an agreement."""
        return await self._calls.call(
            routes.GIVE_NOTICE, shapes.Agreement, path={"id": agreement_id}, body=_given(statement)
        )

    # Consents

    async def post_consent(
        self, statement: bytes, log_key: str, credential: str
    ) -> shapes.ConsentRecorded:
        """Record a signed consent.

        Args:
            statement: signed by this agency, and by the person if electronic.
            log_key: base64url of 32 random bytes, sent once.
            credential: digest of the person's code.
        """
        given = shapes.ConsentGiven(
            statement=_text(statement), log_key=log_key, credential=credential
        )
        return await self._calls.call(routes.POST_CONSENT, shapes.ConsentRecorded, body=given)

    async def consents(
        self, *, consent: str | None = None, after: str | None = None, limit: int = 50
    ) -> shapes.Consents:
        """Return a page of the consents the caller may see, or the one with digest `consent`."""
        query = _page(after, limit)
        if consent is not None:
            query["consent"] = consent
        return await self._calls.call(routes.CONSENTS, shapes.Consents, query=query)

    async def every_consent(self) -> AsyncIterator[shapes.Consent]:
        """Yield all consents this agency may read, page by page."""
        after: str | None = None
        while True:
            page = await self.consents(after=after)
            for consent in page.consents:
                yield consent
            if not _goes_on(after, page.next, len(page.consents)):
                return
            after = page.next

    async def consent(self, consent_id: str) -> shapes.Consent:
        """Return one consent and its present state; NotFound when absent or hidden."""
        return (await self.consent_now(consent_id)).value

    async def consent_now(self, consent_id: str) -> Vouched[shapes.Consent]:
        """Return one consent with the hub's signed word that it has not ended, if it gives it."""
        found, status = await self._calls.call_vouched(
            routes.GET_CONSENT, shapes.Consent, path={"id": consent_id}
        )
        return Vouched(found, status_in(status))

    async def post_credential(
        self, consent_id: str, credential: str | None
    ) -> person.CredentialStored:
        """Replace the person's code and return the key of her log entries; None revokes it."""
        return await self._calls.call(
            routes.POST_CREDENTIAL,
            person.CredentialStored,
            path={"id": consent_id},
            body=person.CredentialGiven(credential=credential, log_key=credential is not None),
        )

    async def post_draft(self, draft: bytes, invitation: str) -> person.Draft:
        """Let a draft wait for the person; `invitation` is the digest of the code she gets."""
        return await self._calls.call(
            routes.POST_DRAFT,
            person.Draft,
            body=person.DraftGiven(draft=draft.decode("utf-8"), invitation=invitation),
        )

    async def draft(self, draft_id: str) -> person.Draft:
        """Return a draft: it waits, or the person has signed; NotFound when it is gone."""
        return await self._calls.call(routes.GET_DRAFT, person.Draft, path={"id": draft_id})

    async def delete_draft(self, draft_id: str) -> person.DraftForgotten:
        """Forget a draft; NotFound when it is gone already."""
        return await self._calls.call(
            routes.DELETE_DRAFT, person.DraftForgotten, path={"id": draft_id}
        )

    async def consent_notice(self, consent_id: str) -> bytes:
        """Return exactly the text the person was shown; NotFound when absent or hidden."""
        return await self._calls.fetch(
            routes.CONSENT_NOTICE, path={"id": consent_id}, limit=LARGEST_NOTICE
        )

    async def consent_form(
        self, consent_id: str, *, lang: str | None = None, kind: Literal["html", "pdf"] = "html"
    ) -> bytes:
        """Return the form of a consent to print, blank; NotFound when absent or hidden."""
        query: dict[str, str | int] = {"as": kind} if lang is None else {"as": kind, "lang": lang}
        return await self._calls.fetch(
            routes.CONSENT_FORM, path={"id": consent_id}, query=query, limit=LARGEST_FORM
        )

    async def withdraw(self, consent_id: str, statement: bytes) -> shapes.Withdrawn:
        """Withdraw a consent. From the answer on, no header under it is released."""
        return await self._calls.call(
            routes.WITHDRAW, shapes.Withdrawn, path={"id": consent_id}, body=_given(statement)
        )

    async def decide(self, asked: shapes.Asked) -> shapes.Decision:
        """Ask the gate without passing it; NotPermitted is the no, without a reason."""
        return await self._calls.call(routes.DECIDE, shapes.Decision, body=asked)

    # Disclosures, as their sender

    async def disclose(
        self,
        manifest: bytes,
        sealed: Path,
        *,
        disclosure_id: str,
        progress: Progress = unseen,
    ) -> shapes.DisclosureStored:
        """Store the sealed document in the file `sealed` under its signed manifest.

        A repetition with the same manifest has the same outcome; a large upload that broke goes
        on where it stopped.

        Args:
            manifest: exact bytes of the signed manifest.
            sealed: header and payload.
            disclosure_id: as in the manifest.
            progress: called with bytes sent and bytes in all.

        Raises:
            NotPermitted: the gate says no, never why.
            Conflict: the id was used for another manifest.
        """
        size = content.size_of(sealed)
        if size <= ONE_SHOT_SIZE:
            return await content.send_at_once(self._calls, manifest, sealed, progress)
        announced = await content.announce(self._calls, manifest)
        if announced.state == "stored":
            progress(size, size)
            return announced
        await content.upload(self._calls, disclosure_id, sealed, progress)
        return await content.announce(self._calls, manifest)

    async def recall(self, disclosure_id: str) -> shapes.Recalled:
        """Take back what nobody has collected; Conflict when somebody has."""
        return await self._calls.call(routes.RECALL, shapes.Recalled, path={"id": disclosure_id})

    async def disclosure(self, disclosure_id: str) -> shapes.Disclosure:
        """Return manifest and state of a disclosure the caller sent or may collect."""
        return await self._calls.call(
            routes.GET_DISCLOSURE, shapes.Disclosure, path={"id": disclosure_id}
        )

    # Disclosures, as their recipient

    async def inbox(
        self, *, after: str | None = None, limit: int = 50, wait: int = 0
    ) -> shapes.Inbox:
        """Return what waits for the caller; with `wait` seconds of patience (at most 30)."""
        query = _page(after, limit)
        if wait:
            query["wait"] = wait
        return await self._calls.call(routes.INBOX, shapes.Inbox, query=query)

    async def payload(
        self,
        disclosure_id: str,
        target: Path,
        *,
        size: int,
        sealed_sha256: str,
        progress: Progress = unseen,
    ) -> None:
        """Fetch the payload into `target`, going on behind what it holds already.

        Args:
            disclosure_id: which disclosure.
            target: a file of this gateway's own; longer than `size` it is begun anew.
            size: bytes of the payload by the signed manifest; not one more is taken.
            sealed_sha256: as signed; names the payload, so that a resumed one is no other.
            progress: called with bytes present and bytes in all.

        Raises:
            NotFound: not addressed to the caller, ended, or expired: all look the same.
            HubMisbehaves: longer than signed, or another range than asked for.
        """
        await content.fetch(self._calls, disclosure_id, target, size, sealed_sha256, progress)

    async def short_payload(self, disclosure_id: str, *, size: int, sealed_sha256: str) -> bytes:
        """Return a payload that is short enough to be held in memory.

        Args:
            disclosure_id: which disclosure.
            size: bytes of the payload by the signed manifest, at most `content.AT_ONCE`.
            sealed_sha256: as signed; names the payload.

        Raises:
            NotFound: not addressed to the caller, ended, or expired: all look the same.
            HubMisbehaves: another size than signed.
        """
        return await content.fetch_short(self._calls, disclosure_id, size, sealed_sha256)

    async def collect(self, disclosure_id: str) -> Vouched[shapes.Collected]:
        """Pass the gate: the hub decides, logs and releases the header, and vouches for it.

        A repetition returns the same header while the consent holds; NotFound is every no.
        """
        found, status = await self._calls.call_vouched(
            routes.COLLECT, shapes.Collected, path={"id": disclosure_id}
        )
        return Vouched(found, status_in(status))

    async def acknowledge(self, disclosure_id: str, statement: bytes) -> shapes.Acknowledged:
        """Hand in the signed acknowledgement, whose exact bytes were persisted before."""
        return await self._calls.call(
            routes.ACKNOWLEDGE,
            shapes.Acknowledged,
            path={"id": disclosure_id},
            body=_given(statement),
        )

    # Document requests

    async def post_request(self, statement: bytes) -> shapes.DocumentRequest:
        """Ask a partner for documents; the exact bytes were persisted before."""
        return await self._calls.call(
            routes.POST_REQUEST, shapes.DocumentRequest, body=_given(statement)
        )

    async def requests(
        self, *, role: str | None = None, after: str | None = None, limit: int = 50
    ) -> shapes.Requests:
        """Return a page of requests: the caller was `asked`, is `asking`, or both."""
        query = _page(after, limit)
        if role is not None:
            query["role"] = role
        return await self._calls.call(routes.REQUESTS, shapes.Requests, query=query)

    async def every_request(
        self, *, role: str | None = None
    ) -> AsyncIterator[shapes.DocumentRequest]:
        """Yield all requests of the caller, page by page."""
        after: str | None = None
        while True:
            page = await self.requests(role=role, after=after)
            for request in page.requests:
                yield request
            if not _goes_on(after, page.next, len(page.requests)):
                return
            after = page.next

    async def request(self, request_id: str) -> shapes.DocumentRequest:
        """Return one request; open until its deadline, then closed, whatever has happened."""
        return await self._calls.call(
            routes.GET_REQUEST, shapes.DocumentRequest, path={"id": request_id}
        )

    # Erasures

    async def erasures(
        self, *, role: str | None = None, after: str | None = None, limit: int = 50
    ) -> shapes.Erasures:
        """Return a page of what the caller must erase (`asked`), or what is owed it (`asking`)."""
        query = _page(after, limit)
        if role is not None:
            query["role"] = role
        return await self._calls.call(routes.ERASURES, shapes.Erasures, query=query)

    async def every_erasure(self) -> AsyncIterator[shapes.Erasure]:
        """Yield all erasures of the caller, page by page."""
        after: str | None = None
        while True:
            page = await self.erasures(after=after)
            for erasure in page.erasures:
                yield erasure
            if not _goes_on(after, page.next, len(page.erasures)):
                return
            after = page.next

    async def confirm_erasure(self, erasure_id: str, statement: bytes) -> shapes.Erasure:
        """Hand in the signed confirmation of an erasure."""
        return await self._calls.call(
            routes.CONFIRM_ERASURE,
            shapes.Erasure,
            path={"id": erasure_id},
            body=_given(statement),
        )

    async def healthz(self) -> shapes.Health:
        """Ask whether the hub answers at all."""
        return await self._calls.call(routes.HEALTHZ, shapes.Health)


@asynccontextmanager
async def connect(
    origin: str,
    credentials: Credentials,
    *,
    clock: Callable[[], datetime],
    certificates: Path | None = None,
    proxy: str | None = None,
    patience: Patience | None = None,
) -> AsyncIterator[HubClient]:
    """Yield a client of the hub at `origin` over one session that keeps its connections.

    Args:
        origin: such as `https://hub.example`; plain http only to this machine itself.
        credentials: proves who calls.
        clock: aware moment of now.
        certificates: authorities to trust besides the system's, PEM.
        proxy: an HTTP proxy to go through; the environment is not consulted.
        patience: how long and how often a call is tried.
    """
    async with open_session(certificates, proxy) as session:
        calls = Calls(session, origin, credentials, clock=clock, patience=patience or Patience())
        yield HubClient(calls)


def _page(after: str | None, limit: int) -> dict[str, str | int]:
    return {"limit": limit} if after is None else {"limit": limit, "after": after}


def _goes_on(after: str | None, following: str | None, found: int) -> bool:
    if following is None or found == 0:
        return False
    if following == after:  # a hub that pages in a circle would keep us for ever
        raise HubMisbehaves("the hub's pages do not end")
    return True


def _text(statement: bytes) -> str:
    return statement.decode("ascii")


def _given(statement: bytes) -> shapes.Given:
    return shapes.Given(statement=_text(statement))
