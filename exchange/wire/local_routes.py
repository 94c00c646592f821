"""The gateway's local API as values: what a back office asks of its own gateway.

The gateway binds handlers to them, its command line calls them, OpenAPI describes them.
"""

from exchange.wire import local_shapes, shapes
from exchange.wire.routes import HTML, PAYLOAD, STATEMENT_LIMIT, Operation

MULTIPART = "multipart/form-data"
SUBMISSION = "application/vnd.xch.submission"
"""The submission as one line of JSON, LF, then the one file."""
SUBMISSION_LIMIT = 64 * 1024
"""Bytes of the submission, as a part or as a line; of a consent before its evidence."""

STATUS = Operation(
    name="status",
    method="GET",
    path="/v1/status",
    summary="How the gateway stands: what waits, and for whom.",
    returns=local_shapes.Status,
)
EVENTS = Operation(
    name="events",
    method="GET",
    path="/v1/events",
    summary="What has happened after a number, in order; waits for news if asked to.",
    returns=local_shapes.Events,
    query=local_shapes.EventsQuery,
)
DOCUMENTS = Operation(
    name="documents",
    method="GET",
    path="/v1/documents",
    summary="Received documents that wait in the spool, oldest first.",
    returns=local_shapes.Documents,
    query=shapes.Page,
)
DOCUMENT = Operation(
    name="document",
    method="GET",
    path="/v1/documents/{id}",
    summary="One received document and the names of its files.",
    returns=local_shapes.Document,
    path_shape=shapes.IdPath,
    problems=(404,),
)
DOCUMENT_FILE = Operation(
    name="document_file",
    method="GET",
    path="/v1/documents/{id}/files/{n}",
    summary="The content of one file, or a range of it.",
    path_shape=local_shapes.FilePath,
    answers=PAYLOAD,
    problems=(404, 412, 416),
)
FETCHED = Operation(
    name="fetched",
    method="POST",
    path="/v1/documents/{id}/fetched",
    summary="Say that the back office has the document: its copy in the spool may go.",
    returns=local_shapes.Document,
    path_shape=shapes.IdPath,
    problems=(404,),
)
QUARANTINE = Operation(
    name="quarantine",
    method="GET",
    path="/v1/quarantine",
    summary="Documents that were set aside, and why.",
    returns=local_shapes.Quarantine,
)
RELEASE = Operation(
    name="release",
    method="POST",
    path="/v1/quarantine/{id}/release",
    summary="Let a document into the spool as it is: somebody has looked at it.",
    returns=local_shapes.Released,
    path_shape=shapes.IdPath,
    problems=(404, 409),
)
REJECT = Operation(
    name="reject",
    method="POST",
    path="/v1/quarantine/{id}/rejection",
    summary="Remove a document from quarantine.",
    returns=local_shapes.Rejected,
    path_shape=shapes.IdPath,
    problems=(404, 409),
)
SUBMIT = Operation(
    name="submit",
    method="POST",
    path="/v1/disclosures",
    summary="Send files under a consent; one disclosure per recipient. Sealed when it answers.",
    returns=local_shapes.Disclosures,
    status=201,
    streams={
        MULTIPART: "First the part `submission` (JSON, see the schema Submission), then one part "
        "`file` per file, in the order of reading.",
        SUBMISSION: "The submission with its member `file` as one line of JSON, LF, then the file.",
    },
    problems=(403, 404, 408, 409, 413, 415, 422, 507),
    creates=True,
)
DISCLOSURES = Operation(
    name="disclosures",
    method="GET",
    path="/v1/disclosures",
    summary="What this agency has sent, oldest first.",
    returns=local_shapes.Disclosures,
    query=shapes.Page,
)
DISCLOSURE = Operation(
    name="disclosure",
    method="GET",
    path="/v1/disclosures/{id}",
    summary="One disclosure of this agency, and how far it has come.",
    returns=local_shapes.Disclosure,
    path_shape=shapes.IdPath,
    problems=(404,),
)
RECALL = Operation(
    name="recall",
    method="POST",
    path="/v1/disclosures/{id}/recall",
    summary="Take back what nobody has collected.",
    returns=local_shapes.Disclosure,
    path_shape=shapes.IdPath,
    problems=(404, 409, 502),
)
CONSENTS = Operation(
    name="consents",
    method="GET",
    path="/v1/consents",
    summary="The consents this agency may read.",
    returns=local_shapes.Consents,
    query=shapes.Page,
    problems=(502,),
)
CONSENT = Operation(
    name="consent",
    method="GET",
    path="/v1/consents/{id}",
    summary="One consent: what it admits, and, for its parties, who it is about.",
    returns=local_shapes.Consent,
    path_shape=shapes.IdPath,
    problems=(404, 409, 502),
)
CONSENT_TEXT = Operation(
    name="consent_text",
    method="POST",
    path="/v1/consents/text",
    summary="The text the person reads before she signs a draft, and what the draft would break.",
    returns=local_shapes.ConsentText,
    body=local_shapes.ConsentDraft,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 502),
)
BLANK_FORM = Operation(
    name="blank_form",
    method="POST",
    path="/v1/consents/form",
    summary="The form of a draft as a page to print and sign.",
    body=local_shapes.ConsentDraft,
    body_limit=STATEMENT_LIMIT,
    answers=HTML,
    problems=(404, 409, 413, 415, 502),
)
RECORD = Operation(
    name="record_consent",
    method="POST",
    path="/v1/consents",
    summary="Record a consent that was declared on paper or orally. Repeated, it is recorded once.",
    returns=local_shapes.ConsentRecorded,
    status=201,
    body=local_shapes.ConsentDraft,
    body_limit=STATEMENT_LIMIT,
    streams={
        MULTIPART: "First the part `consent` (JSON, see the schema ConsentDraft), then the part "
        "`file`, its evidence: needed where the settings name who looks at evidence.",
    },
    problems=(404, 408, 409, 413, 415, 422, 502, 507),
)
CONSENT_FORM = Operation(
    name="consent_form",
    method="GET",
    path="/v1/consents/{id}/form",
    summary="What the person has agreed to, as a page to print for her.",
    path_shape=shapes.IdPath,
    answers=HTML,
    problems=(404, 502),
)
WITHDRAW = Operation(
    name="withdraw",
    method="POST",
    path="/v1/consents/{id}/withdrawal",
    summary="Pass on that a consent was withdrawn. Repeating it harms nothing.",
    returns=local_shapes.Withdrawn,
    path_shape=shapes.IdPath,
    body=local_shapes.Withdrawal,
    problems=(404, 413, 415, 422, 502),
)
REQUESTS = Operation(
    name="requests",
    method="GET",
    path="/v1/requests",
    summary="What partners ask of this agency; nobody has to answer.",
    returns=local_shapes.Requests,
)
ASK = Operation(
    name="ask",
    method="POST",
    path="/v1/requests",
    summary="Ask a partner for documents. Repeated, it is asked once.",
    returns=local_shapes.Asked,
    status=201,
    body=local_shapes.RequestDraft,
    body_limit=STATEMENT_LIMIT,
    problems=(404, 409, 413, 415, 422, 502),
)
ERASURES = Operation(
    name="erasures",
    method="GET",
    path="/v1/erasures",
    summary="What people have to erase and confirm.",
    returns=local_shapes.Erasures,
)
CONFIRM = Operation(
    name="confirm_erasure",
    method="POST",
    path="/v1/erasures/{id}/confirmation",
    summary="Say what became of what had been taken out of the spool; the gateway signs it.",
    returns=local_shapes.Confirmed,
    path_shape=shapes.IdPath,
    body=local_shapes.Confirmation,
    problems=(404, 413, 415, 502),
)
ROUND = Operation(
    name="look_now",
    method="POST",
    path="/v1/rounds",
    summary="Look at the hub at once: send what waits, receive what waits.",
    status=204,
)
HEALTHZ = Operation(
    name="healthz",
    method="GET",
    path="/healthz",
    summary="The gateway answers.",
    returns=shapes.Health,
    problems=(),
    authenticated=False,
)

OPERATIONS = (
    *(STATUS, EVENTS, DOCUMENTS, DOCUMENT, DOCUMENT_FILE, FETCHED, QUARANTINE, RELEASE, REJECT),
    *(SUBMIT, DISCLOSURES, DISCLOSURE, RECALL),
    *(CONSENTS, CONSENT, CONSENT_TEXT, BLANK_FORM, RECORD, CONSENT_FORM, WITHDRAW),
    *(REQUESTS, ASK, ERASURES, CONFIRM, ROUND, HEALTHZ),
)
"""Every route of the local API."""
