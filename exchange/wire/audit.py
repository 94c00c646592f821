"""Shapes of the answers to auditors: no person, no consent, of an agreement its title alone."""

from typing import Annotated, Literal

from pydantic import Field

from exchange.wire.fields import AgencyId, Cursor, Digest, Id, Moment, Shown
from exchange.wire.figures import FiguresAsked, FiguresTold
from exchange.wire.log import Base64, Index
from exchange.wire.officer import Head, Told
from exchange.wire.officer_findings import LogHealth
from exchange.wire.officer_terms import NoQuestion
from exchange.wire.shapes import Text

Size = Annotated[int, Field(ge=1, lt=2**53)]
"""Entries of a tree."""


class AuditFrame(Told):
    """What every answer says besides the answer; an auditor belongs to no agency."""

    question: str
    answered_at: Moment
    checkpoint: Head | None
    """Null before the first signed head."""
    next: Cursor | None = None
    """To go on; null where nothing is left."""


class PartyAudited(Told):
    """A party of an agreement."""

    agency: AgencyId
    signed_at: Moment | None


class AgreementAudited(Told):
    """An agreement: who takes part and when."""

    id: Id
    digest: Digest
    state: Literal["proposed", "in-force", "not-begun", "ended"]
    begins: Moment
    ends_at: Moment | None
    """Half open; null while it renews."""
    parties: tuple[PartyAudited, ...]


class AgreementsAudited(AuditFrame):
    """A page of agreements, whoever's they are."""

    asked: NoQuestion
    answer: tuple[AgreementAudited, ...]


class FiguresAudited(AuditFrame):
    """Figures of an agreement."""

    asked: FiguresAsked
    answer: FiguresTold


class Witness(Told):
    """A witness of the policy."""

    name: Annotated[Shown, Field(max_length=255)]
    cosigned_at: Moment | None
    """When it has cosigned this head; null: it has not."""


class HeadAudited(Told):
    """The newest head that everybody is shown, and who has signed it."""

    size: int
    root: Base64
    note: str
    """The signed checkpoint with every line there is."""
    quorum: bool | None
    """Whether the witnesses are enough; null where the policy asks for none."""
    witnesses: tuple[Witness, ...]


class LogTold(Told):
    """How the log is doing, and its newest published head."""

    health: LogHealth
    published: HeadAudited | None
    """Null before the first."""


class LogAudited(AuditFrame):
    """The state of the log."""

    asked: NoQuestion
    answer: LogTold


class EntryPath(Text):
    """Path of an entry of the log."""

    index: Index


class EntryAsked(Told):
    """The question, repeated."""

    index: Index


class EntryTold(Told):
    """That an entry stands under a signed head, and nothing of what it says."""

    index: Index
    leaf: Base64
    """The entry as it stands in the log: 49 bytes, a commitment."""
    leaf_hash: Base64
    path: tuple[Base64, ...]
    """From the leaf's sibling to the child of the root."""
    size: int
    root: Base64
    file: str
    """All of it as a C2SP tlog-proof, the signed checkpoint included."""


class EntryAudited(AuditFrame):
    """The proof of an entry."""

    asked: EntryAsked
    answer: EntryTold


class GrowthQuery(Text):
    """Two sizes of the log; `new` is that of a head which is kept, else of the newest published."""

    old: Size
    new: Size | None = None


class GrowthAsked(Told):
    """The question, repeated."""

    old: Size
    new: Size | None


class GrowthTold(Told):
    """That one tree continues another unchanged."""

    old: int
    old_root: Base64
    size: int
    root: Base64
    path: tuple[Base64, ...]
    """Hashes of the consistency proof (RFC 6962)."""
    file: str
    """All of it as C2SP tlog-witness hands it to a witness, the signed checkpoint included."""


class GrowthAudited(AuditFrame):
    """The proof that the log has only grown."""

    asked: GrowthAsked
    answer: GrowthTold
