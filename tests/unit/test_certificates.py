"""exchange.certificates: whose certificates count when we connect to somebody."""

import ssl
from pathlib import Path

import pytest
import trustme

from exchange.certificates import trusting
from exchange.errors import Misconfigured


def test_a_context_checks_chain_and_name_from_tls_1_2_on() -> None:
    context = trusting(None)

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_an_authority_counts_besides_those_of_the_system(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(file))

    assert len(trusting(file).get_ca_certs()) == len(trusting(None).get_ca_certs()) + 1


def test_authorities_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    absent, empty = tmp_path / "absent.pem", tmp_path / "empty.pem"
    empty.write_bytes(b"")

    for file in (absent, empty):
        with pytest.raises(Misconfigured, match="no certificates can be read"):
            trusting(file)
