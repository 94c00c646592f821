"""The routes of auditors' own tools: each asks for a token with the scope `auditor`."""

from exchange.wire import audit, figures, shapes
from exchange.wire.routes import AUDITOR, Operation

AGREEMENTS = Operation(
    name="audit_agreements",
    method="GET",
    path="/v1/officer/audit/agreements",
    summary="Every agreement: parties, state and term, no word of its text.",
    returns=audit.AgreementsAudited,
    query=shapes.Page,
    scope=AUDITOR,
)
FIGURES = Operation(
    name="audit_figures",
    method="GET",
    path="/v1/officer/audit/figures/{id}/{period}",
    summary="Figures of any agreement for a year, a quarter or a month, without persons.",
    returns=audit.FiguresAudited,
    path_shape=figures.FiguresPath,
    query=figures.FiguresQuery,
    problems=(404,),
    scope=AUDITOR,
)
LOG = Operation(
    name="audit_log",
    method="GET",
    path="/v1/officer/audit/log",
    summary="The state of the log, its newest published head, and which witnesses signed it.",
    returns=audit.LogAudited,
    scope=AUDITOR,
)
ENTRY = Operation(
    name="audit_entry",
    method="GET",
    path="/v1/officer/audit/entries/{index}",
    summary="Proof that an entry stands under a signed head; nothing of what it says.",
    returns=audit.EntryAudited,
    path_shape=audit.EntryPath,
    problems=(404,),
    scope=AUDITOR,
)
GROWTH = Operation(
    name="audit_growth",
    method="GET",
    path="/v1/officer/audit/growth",
    summary="Proof that one tree of the log continues another unchanged.",
    returns=audit.GrowthAudited,
    query=audit.GrowthQuery,
    problems=(404,),
    scope=AUDITOR,
)
