"""The formats `fhir` keep the contracts of intake and outgoing formats, in both releases."""

import json
from collections.abc import Mapping

import pytest

from exchange.canonical import Json
from exchange.testing import IntakeFormatContract, OutgoingFormatContract
from plugins.fhir.tests.conftest import PDF, plain


class TestIntake(IntakeFormatContract):
    plugin = "fhir"
    media_type = "application/pdf"
    file_name = "Stellungnahme.pdf"
    content = PDF


class TestIntakeR5Beside(IntakeFormatContract):
    plugin = "fhir"
    media_type = "application/pdf"
    file_name = "Stellungnahme.pdf"
    content = PDF

    @pytest.fixture
    def settings(self) -> Mapping[str, Json]:
        return {"version": "R5", "inline": 0}


class TestOutgoing(OutgoingFormatContract):
    plugin = key = "fhir"
    media_type = "application/fhir+json"
    file_name = "bundle.json"
    content = json.dumps(plain()).encode()
