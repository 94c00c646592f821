"""Step 5: every public leaf has its document, and the policy that is served is in the log."""

from hashlib import sha256
from typing import Final

from exchange import jws
from exchange.audit.leaf import LABEL_SIZE, document_label
from exchange.audit.policy import LARGEST_POLICY
from exchange.canonical import loads, unb64u
from exchange.errors import ExchangeError, Malformed, NotFound
from exchange.keyid import agency_id
from exchange.verifier.files import read
from exchange.verifier.report import Check, broken, good, numbered, unchecked
from exchange.verifier.source import LARGEST_DOCUMENT, Source

PUBLIC: Final = 2
"""First byte of a leaf that stands for a public document."""
POLICY: Final = "policy"
OPENED: Final = "opened"
KEY_STATEMENT: Final = "key-statement/"


class Documents:
    """Public leaves, looked at as the entries pass by."""

    def __init__(self, source: Source, origin: str) -> None:
        """Take the log and its name."""
        self.public = dict[int, bytes]()
        """SHA-256 of the document of every public leaf, by index."""
        self._source = source
        self._origin = origin
        self._wrong = list[Check]()
        self._policy: bytes | None = None

    async def see(self, first: int, leaves: list[bytes]) -> None:
        """Look at the leaves from index `first` on."""
        for index, leaf in enumerate(leaves, first):
            if leaf[0] == PUBLIC:
                self.public[index] = leaf[1 + LABEL_SIZE :]
                wrong = await self._look(index, leaf)
                if wrong is not None:
                    self._wrong.append(
                        broken(5, "document", f"entry {index}: {wrong}", (index,) * 2)
                    )

    async def checks(self) -> list[Check]:
        """Return what was found: the first fault, or one line that all is well."""
        found = [self._documents(), await self._served()]
        return [check for check in found if check is not None]

    def _documents(self) -> Check:
        if self._wrong:
            return self._wrong[0]
        if not self.public:
            return good(5, "document", "no public entry")
        count = numbered(len(self.public), "public entry has", "public entries have")
        return good(5, "document", f"{count} the document they stand for")

    async def _look(self, index: int, leaf: bytes) -> str | None:
        """Return what is wrong with a public leaf."""
        label, digest = leaf[1 : 1 + LABEL_SIZE], leaf[1 + LABEL_SIZE :]
        try:
            document = await self._source.document(digest.hex())
        except NotFound:
            return "a public document is missing"
        if sha256(document).digest() != digest:
            return "a public document is another one"
        if label == document_label(POLICY):
            self._policy = document
        elif label == document_label(OPENED):
            if index or not self._begins(document):
                return "the log begins here, under another name or a second time"
        elif label != _topic_of(document):
            return "a public document under a name that nobody looks for"
        return None

    def _begins(self, document: bytes) -> bool:
        try:
            members = loads(document, limit=LARGEST_DOCUMENT)
        except ExchangeError:
            return False
        return isinstance(members, dict) and members.get("origin") == self._origin

    async def _served(self) -> Check | None:
        """The policy that the log serves must be the newest it has recorded."""
        try:
            served = await read(self._source.files, POLICY, limit=LARGEST_POLICY)
        except NotFound:
            if self._policy is None:
                return None
            return unchecked(5, "policy", "the log's own policy is not here to be compared")
        if served == self._policy:
            return good(5, "policy", "the policy that is served is the newest in the log")
        said = "the policy that is served is not the newest in the log: a witness may be missing"
        return broken(5, "policy", said)


def _topic_of(document: bytes) -> bytes | None:
    """Return the label of a key statement or succession, from the agency it names."""
    try:
        payload = loads(unb64u(jws.read(document).payload), limit=LARGEST_DOCUMENT)
        if not isinstance(payload, dict):
            raise Malformed("not a statement")
        return document_label(KEY_STATEMENT + agency_id(payload.get("agency")))
    except ExchangeError:
        return None
