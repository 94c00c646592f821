"""The closed lists of words a consent is written in: no free text stands in any record.

Words of the law are explained in docs/consent.md.
"""

from enum import StrEnum


class Form(StrEnum):
    """How the person declared it."""

    WRITTEN = "written"
    ELECTRONIC = "electronic"
    ORAL_MINUTED = "oral-minuted"


class FormReason(StrEnum):
    """Why it was oral."""

    CANNOT_WRITE = "cannot-write"
    URGENT_LOSS = "urgent-loss"
    BY_PHONE = "by-phone"
    REMOTE_INTERPRETER = "remote-interpreter"


class Capacity(StrEnum):
    """Who had to declare it."""

    SELF = "self"
    SELF_AND_GUARDIAN = "self+guardian"
    GUARDIAN = "guardian"


class CapacityBasis(StrEnum):
    """On what ground."""

    RULE = "rule"
    """As a rule: from 15 a person decides herself (§ 36 SGB I)."""
    ASSESSED = "assessed"
    """Insight was judged in a talk and minuted in the evidence."""


class Role(StrEnum):
    """As what somebody signed; a proxy is not among them."""

    SUBJECT = "subject"
    GUARDIAN = "guardian"
    ENTRUSTING = "entrusting"
    """Who entrusted the data, where that is not the subject (§ 65 SGB VIII)."""
    WITNESS = "witness"
    """The second member of staff at an oral consent."""


class Identified(StrEnum):
    """How the collecting agency knew who signed."""

    IN_PERSON = "in-person"
    KNOWN = "known"
    EID = "eid"
    CODE = "code"


class Power(StrEnum):
    """Power to represent; a power of attorney is not among them."""

    PARENT = "parent"
    APPOINTED = "appointed"
    """Vormund."""
    SUPPLEMENTARY = "supplementary"
    """Ergänzungspfleger."""
    OFFICIAL = "official"
    """Amtsvormund, Amtspfleger."""
    CARER = "carer"
    """Betreuer."""


class Custody(StrEnum):
    """Why one parent's signature suffices."""

    SOLE = "sole"
    COURT = "court"
    EVERYDAY = "everyday"
    """§ 1687(1) s. 2 BGB."""


class Interpreter(StrEnum):
    """Who conveyed the text, where it was not in the person's language."""

    NONE = "none"
    PROFESSIONAL = "professional"
    STAFF = "staff"
    ACCOMPANYING = "accompanying"


class EvidenceKind(StrEnum):
    """What the collecting agency keeps."""

    SCAN = "scan"
    MINUTES = "minutes"
