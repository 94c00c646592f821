"""Record a completed draft, with its evidence at hand for whoever looks at it."""

from pathlib import Path

from exchange.agency.hand_in import Recorded
from exchange.agency.outgoing import open_readers
from exchange.agency.parts import Gateway
from exchange.agency.record_consent import ConsentDraft, record_consent
from exchange.agency.vet import Scan, scanned
from exchange.cli.consent_draft import evidence_file


async def record(gateway: Gateway, file: Path, completed: ConsentDraft) -> Recorded:
    """Sign and record the draft of `file`; see `exchange.agency.record_consent`."""
    scan = evidence_file(file)
    async with open_readers(gateway) as readers:  # its workers start only if they are asked
        shown = None if scan is None else Scan(readers, scanned(scan.name, scan))
        return await record_consent(gateway, completed, shown)
