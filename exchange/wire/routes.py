"""The HTTP API as values: one `Operation` per route, the same for hub, client and OpenAPI.

The hub binds handlers to them, the client calls them. Those of the log are in `log_routes`, the
list of all of them in `operations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exchange.wire import person, queries, shapes
from exchange.wire.shapes import Shape, Text

JSON = "application/json"
MANIFEST = "application/jose+json"
DISCLOSURE = "application/vnd.xch.disclosure"
"""The manifest as one line of JSON, LF, then the sealed document."""
TEXT = "text/plain"
HTML = "text/html"
PDF = "application/pdf"
PAYLOAD = "application/octet-stream"
OFFSET_STREAM = "application/offset+octet-stream"
FORM = "application/x-www-form-urlencoded"
CONSENT_STATUS = "Consent-Status"
"""Header with the hub's signed note "no withdrawal up to here", base64 of the note."""
NO_MEDIA: Mapping[str, str] = MappingProxyType({})

JSON_LIMIT = 64 * 1024
"""Bytes of a JSON body without a large statement."""
STATEMENT_LIMIT = 64 * 1024
"""Bytes of a JSON body around a statement of at most 32 KiB (quotes are escaped)."""
LARGE_STATEMENT_LIMIT = 512 * 1024
"""Bytes of a JSON body around an agreement or a consent of at most 256 KiB."""
OFFICER = "officer"
"""Scope of a token for the questions of privacy officers, and for nothing else."""
AUDITOR = "auditor"
"""Scope of a token of an auditor's account, which has no other."""
MANIFEST_LIMIT = 32 * 1024
"""Bytes of the line before the sealed document; for one recipient it has 5.8 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route as a value."""

    name: str
    """operationId; also the method of the client."""
    method: str
    path: str
    summary: str
    returns: type[Shape] | None = None
    """Shape of the success body; None for no body or a stream."""
    status: int = 200
    path_shape: type[Text] | None = None
    query: type[Text] | None = None
    body: type[Shape] | None = None
    body_limit: int = JSON_LIMIT
    """Largest JSON body in bytes."""
    streams: Mapping[str, str] = field(default_factory=lambda: NO_MEDIA, hash=False)
    """Media types of a body that is no JSON shape, with one line about each."""
    answers: str = JSON
    """Media type of the success body."""
    also_answers: tuple[str, ...] = ()
    """Further media types of it, chosen by a parameter."""
    problems: tuple[int, ...] = ()
    """Statuses besides 400, 401, 403, 429, 431 and 503, which every authenticated route has."""
    authenticated: bool = True
    scope: str = ""
    """What the token must have been asked for; it then opens these routes and no other."""
    creates: bool = False
    """Accepts `Idempotency-Key`."""


TOKEN = Operation(
    name="token",
    method="POST",
    path="/oauth2/token",
    summary="Get a short-lived access token with a signed client assertion (private_key_jwt).",
    returns=shapes.Token,
    streams={
        FORM: "grant_type, client_assertion_type, client_assertion (RFC 7523); "
        "scope (officer, auditor)"
    },
    problems=(400, 401, 408, 413, 415, 429, 503),
    authenticated=False,
)
AGENCIES = Operation(
    name="agencies",
    method="GET",
    path="/v1/agencies",
    summary="The directory: agencies, their identity cards, key statements and capabilities.",
    returns=shapes.Agencies,
    query=shapes.Page,
)
AGENCY = Operation(
    name="agency",
    method="GET",
    path="/v1/agencies/{id}",
    summary="One agency of the directory.",
    returns=shapes.Agency,
    path_shape=shapes.AgencyPath,
    problems=(404,),
)
PUT_KEY_STATEMENT = Operation(
    name="put_key_statement",
    method="PUT",
    path="/v1/agencies/{id}/key-statement",
    summary="Publish the caller's next key statement: re-issue, rotation or revocation.",
    returns=shapes.KeyStatementStored,
    path_shape=shapes.AgencyPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422),
)
PUT_SUCCESSION = Operation(
    name="put_succession",
    method="PUT",
    path="/v1/agencies/{id}/succession",
    summary="Register the caller's next identity, signed by the old and the new one.",
    returns=shapes.SuccessionStored,
    path_shape=shapes.AgencyPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422),
)
PUT_CAPABILITIES = Operation(
    name="put_capabilities",
    method="PUT",
    path="/v1/agencies/{id}/capabilities",
    summary="Publish what the caller can receive.",
    returns=shapes.Capabilities,
    path_shape=shapes.AgencyPath,
    body=shapes.Capabilities,
    problems=(404, 413, 415),
)
POST_AGREEMENT = Operation(
    name="post_agreement",
    method="POST",
    path="/v1/agreements",
    summary="Propose an agreement; it is in force when every party has signed it.",
    returns=shapes.Agreement,
    status=201,
    body=shapes.Given,
    body_limit=LARGE_STATEMENT_LIMIT,
    problems=(409, 413, 415, 422),
    creates=True,
)
AGREEMENTS = Operation(
    name="agreements",
    method="GET",
    path="/v1/agreements",
    summary="The agreements the caller is a party of.",
    returns=shapes.Agreements,
    query=shapes.Page,
)
GET_AGREEMENT = Operation(
    name="agreement",
    method="GET",
    path="/v1/agreements/{id}",
    summary="One agreement with its signatures and notices.",
    returns=shapes.Agreement,
    path_shape=shapes.IdPath,
    problems=(404,),
)
SIGN_AGREEMENT = Operation(
    name="sign_agreement",
    method="POST",
    path="/v1/agreements/{id}/signatures",
    summary="Sign an agreement as one of its parties.",
    returns=shapes.Agreement,
    status=201,
    path_shape=shapes.IdPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422),
    creates=True,
)
GIVE_NOTICE = Operation(
    name="give_notice",
    method="POST",
    path="/v1/agreements/{id}/notice",
    summary="Give notice of termination of an agreement.",
    returns=shapes.Agreement,
    status=201,
    path_shape=shapes.IdPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422),
    creates=True,
)
POST_CONSENT = Operation(
    name="post_consent",
    method="POST",
    path="/v1/consents",
    summary="Record a signed consent of a person.",
    returns=shapes.ConsentRecorded,
    status=201,
    body=shapes.ConsentGiven,
    body_limit=LARGE_STATEMENT_LIMIT,
    problems=(403, 409, 413, 415, 422),
    creates=True,
)
CONSENTS = Operation(
    name="consents",
    method="GET",
    path="/v1/consents",
    summary="The consent records the caller may see.",
    returns=shapes.Consents,
    query=queries.ConsentQuery,
)
GET_CONSENT = Operation(
    name="consent",
    method="GET",
    path="/v1/consents/{id}",
    summary="One consent record and its state.",
    returns=shapes.Consent,
    path_shape=shapes.IdPath,
    problems=(404,),
)
CONSENT_NOTICE = Operation(
    name="consent_notice",
    method="GET",
    path="/v1/consents/{id}/notice",
    summary="Exactly the text the person was shown; its SHA-256 stands in the record.",
    path_shape=shapes.IdPath,
    answers=TEXT,
    problems=(404,),
)
CONSENT_FORM = Operation(
    name="consent_form",
    method="GET",
    path="/v1/consents/{id}/form",
    summary="The form of a consent to print and to sign: a page, or PDF/A and PDF/UA.",
    path_shape=shapes.IdPath,
    query=queries.FormQuery,
    answers=HTML,
    also_answers=(PDF,),
    problems=(404, 406),
)
WITHDRAW = Operation(
    name="withdraw",
    method="POST",
    path="/v1/consents/{id}/withdrawal",
    summary="Withdraw a consent: immediate and total. A repetition gets the first answer.",
    returns=shapes.Withdrawn,
    path_shape=shapes.IdPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 413, 415, 422),
    creates=True,
)
POST_CREDENTIAL = Operation(
    name="post_credential",
    method="POST",
    path="/v1/consents/{id}/credential",
    summary="Replace the person's code, or let none open the consent any more.",
    returns=person.CredentialStored,
    path_shape=shapes.IdPath,
    body=person.CredentialGiven,
    problems=(404, 409, 413, 415, 422),
    creates=True,
)
POST_DRAFT = Operation(
    name="post_draft",
    method="POST",
    path="/v1/drafts",
    summary="Upload an electronic consent that waits for the person's signature.",
    returns=person.Draft,
    status=201,
    body=person.DraftGiven,
    body_limit=LARGE_STATEMENT_LIMIT,
    problems=(403, 409, 413, 415, 422),
    creates=True,
)
GET_DRAFT = Operation(
    name="draft",
    method="GET",
    path="/v1/drafts/{id}",
    summary="A draft of the caller: it waits, or the person has signed it.",
    returns=person.Draft,
    path_shape=shapes.IdPath,
    problems=(404,),
)
DELETE_DRAFT = Operation(
    name="delete_draft",
    method="DELETE",
    path="/v1/drafts/{id}",
    summary="Forget a draft of the caller.",
    returns=person.DraftForgotten,
    path_shape=shapes.IdPath,
    problems=(404,),
)
DECIDE = Operation(
    name="decide",
    method="POST",
    path="/v1/decisions",
    summary="May I? The same answer the gate would give, without doing it.",
    returns=shapes.Decision,
    body=shapes.Asked,
    problems=(403, 413, 415),
)
DISCLOSE = Operation(
    name="disclose",
    method="POST",
    path="/v1/disclosures",
    summary="Disclose a sealed document in one shot, or announce it for a resumable upload.",
    returns=shapes.DisclosureStored,
    status=201,
    streams={
        DISCLOSURE: "The signed manifest as one line, LF, then the sealed document.",
        MANIFEST: "The signed manifest alone; the sealed document follows by tus upload.",
    },
    problems=(403, 409, 413, 415, 422, 507),
    creates=True,
)
UPLOAD = Operation(
    name="upload",
    method="PATCH",
    path="/v1/disclosures/{id}/upload",
    summary="Resumable upload of an announced disclosure: tus 1.0.0 (OPTIONS, POST, HEAD, PATCH).",
    status=204,
    path_shape=shapes.IdPath,
    streams={OFFSET_STREAM: "The next piece of the sealed document, at `Upload-Offset`."},
    problems=(404, 409, 412, 413, 415, 422, 507),
)
INBOX = Operation(
    name="inbox",
    method="GET",
    path="/v1/inbox",
    summary="What waits for the caller; long poll with `wait`.",
    returns=shapes.Inbox,
    query=queries.InboxQuery,
)
GET_DISCLOSURE = Operation(
    name="disclosure",
    method="GET",
    path="/v1/disclosures/{id}",
    summary="Manifest and state of a disclosure the caller sent or may collect.",
    returns=shapes.Disclosure,
    path_shape=shapes.IdPath,
    problems=(404,),
)
PAYLOAD_OF = Operation(
    name="payload",
    method="GET",
    path="/v1/disclosures/{id}/payload",
    summary="The payload without its header: useless alone, resumable with Range.",
    path_shape=shapes.IdPath,
    answers=PAYLOAD,
    problems=(404, 412, 416),
)
COLLECT = Operation(
    name="collect",
    method="POST",
    path="/v1/disclosures/{id}/collection",
    summary="The gate: decide, log, and only then release the header.",
    returns=shapes.Collected,
    path_shape=shapes.IdPath,
    problems=(404,),
    creates=True,
)
ACKNOWLEDGE = Operation(
    name="acknowledge",
    method="POST",
    path="/v1/disclosures/{id}/acknowledgement",
    summary="Acknowledge a disclosure, signed: accepted, rejected or quarantined.",
    returns=shapes.Acknowledged,
    path_shape=shapes.IdPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422),
    creates=True,
)
RECALL = Operation(
    name="recall",
    method="POST",
    path="/v1/disclosures/{id}/recall",
    summary="Take back what nobody has collected.",
    returns=shapes.Recalled,
    path_shape=shapes.IdPath,
    problems=(404, 409),
    creates=True,
)
POST_REQUEST = Operation(
    name="post_request",
    method="POST",
    path="/v1/requests",
    summary="Ask a partner for documents, or to seek a consent for them.",
    returns=shapes.DocumentRequest,
    status=201,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(409, 413, 415, 422),
    creates=True,
)
REQUESTS = Operation(
    name="requests",
    method="GET",
    path="/v1/requests",
    summary="The document requests the caller was asked, and those it asks.",
    returns=shapes.Requests,
    query=queries.RequestsQuery,
)
GET_REQUEST = Operation(
    name="request",
    method="GET",
    path="/v1/requests/{id}",
    summary="One document request: open until its deadline, then closed, whatever has happened.",
    returns=shapes.DocumentRequest,
    path_shape=shapes.IdPath,
    problems=(404,),
)
ERASURES = Operation(
    name="erasures",
    method="GET",
    path="/v1/erasures",
    summary="What the caller must erase, and the answers it may see.",
    returns=shapes.Erasures,
    query=queries.ErasuresQuery,
)
CONFIRM_ERASURE = Operation(
    name="confirm_erasure",
    method="POST",
    path="/v1/erasures/{id}/confirmation",
    summary="Confirm an erasure, signed: erased, or kept on a lawful ground.",
    returns=shapes.Erasure,
    path_shape=shapes.IdPath,
    body=shapes.Given,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422),
    creates=True,
)
HEALTHZ = Operation(
    name="healthz",
    method="GET",
    path="/healthz",
    summary="The process answers.",
    returns=shapes.Health,
    authenticated=False,
)
READYZ = Operation(
    name="readyz",
    method="GET",
    path="/readyz",
    summary="Database, vault and blobs answer too.",
    returns=shapes.Health,
    problems=(503,),
    authenticated=False,
)
