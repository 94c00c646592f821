"""A case tool of an office: it keeps what it is handed, and drops what comes twice."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from exchange.hookspecs import DeliveredFolder

KEY: Final = "casetool"
SETTINGS: Final = f'\n[delivery]\nplugin = "{KEY}"\nkeep = false\n'


class Tool:
    """A destination that fails as told, and then takes everything."""

    key = KEY

    def __init__(self, root: Path, failures: Sequence[Exception] = ()) -> None:
        """Keep documents below `root`; answer the first calls with `failures`."""
        self.root = root
        self.calls = 0
        self._failures = list(failures)

    async def hand(self, delivered: DeliveredFolder) -> None:
        """Take one document; twice is once."""
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        self.root.mkdir(exist_ok=True)
        known = self.root / delivered.disclosure_id
        found = {file.name: file.path.read_bytes().decode("latin-1") for file in delivered.files}
        assert [file.size for file in delivered.files] == [len(text) for text in found.values()]
        if not known.exists():
            known.write_text(json.dumps([delivered.folder, found]))
        assert json.loads(known.read_text()) == [delivered.folder, found]

    def kept(self) -> dict[str, list[str]]:
        """Return the names of the files it has, in their order, by disclosure."""
        if not self.root.exists():
            return {}
        found = {}
        for file in self.root.iterdir():
            _, files = json.loads(file.read_text())
            found[file.name] = list(files)
        return found
