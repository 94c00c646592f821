"""The official schemas and published examples, in the folder that `XDOMEA_SCHEMAS` names.

The project has no copy of them; without the variable they are looked for beside it.
"""

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from plugins.xdomea.tests.conftest import Office

BESIDE = Path(__file__).parents[4] / "shared" / "data" / "xdomea"
OFFICIAL = Path(os.environ.get("XDOMEA_SCHEMAS", BESIDE))
official = pytest.mark.skipif(
    not OFFICIAL.is_dir(),
    reason="no copy of the xdomea schemas: name its folder in XDOMEA_SCHEMAS",
)
DIGEST = "ebd6798571b4476ed77408a9e7d4dde5ed0d37e3a1c93c9426e86ef40cc0d69f"
"""Of the file that the example of 4.0.0 speaks of."""


@official
async def test_the_official_schema_accepts_what_we_write(office: Office) -> None:
    office.schemas = OFFICIAL
    office.settings["office"] = "Jugendamt"
    package = office.package(
        **{
            "a.pdf": ("application/pdf", b"%PDF-1.7"),
            "b.json": ("application/json", b"{}"),
            "c.tiff": ("image/tiff", b"MM\x00*"),
        }
    )
    marked = dataclasses.replace(package.files[1], third_party=True)
    package = dataclasses.replace(
        package,
        files=(package.files[0], marked, package.files[2]),
        notice="Hinweis\n\nSie dürfen nicht.",
        remark="Bitte bald <b>\x00",
        reference="17/2026",
    )
    archive = await office.convert(package)
    assert len(archive.namelist()) == 4


@official
@pytest.mark.parametrize("version", ["3.0.0", "4.0.0"])
async def test_published_examples_are_read(office: Office, version: str) -> None:
    message = (OFFICIAL / "samples" / f"{version}-aussonderung-0503.xml").read_bytes()
    content = b"a text of ours"
    message = message.replace(DIGEST.encode(), hashlib.sha256(content).hexdigest().encode())
    name = {
        "3.0.0": "f4bcaaf7-d7cb-11ef-a278-005056871b7c.txt",
        "4.0.0": "8bcadd35-d27b-11ef-ab6c-005056871b7c.txt",
    }[version]
    package = await office.read(**{"message.xml": message, name: content})
    assert office.contents() == {name: content}
    assert package.reference == "[Vorgangskennzeichen]"
