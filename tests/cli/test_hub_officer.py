"""`exchange hub officer`: accounts and one-time links, as an operator handles them."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from tests.cli.test_hub import card, run, serving
from tests.ports import free_port


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where a hub lies to which one agency is admitted."""
    assert run("init", "--origin", f"http://127.0.0.1:{free_port()}", cwd=tmp_path).returncode == 0
    assert run("admit", str(card(tmp_path, "jobcentre-a")), cwd=tmp_path).returncode == 0
    return tmp_path


def test_an_officer_is_let_in_and_put_out_with_a_running_hub_and_without(place: Path) -> None:
    made = run("officer", "add", "jobcentre-a", cwd=place)
    assert made.returncode == 0, made.stderr
    account = made.stdout.decode().strip()
    assert str(UUID(account)) == account, "nothing but the id, for whoever reads it by a program"
    with serving(place):
        link = run("officer", "link", account, cwd=place)
        assert b"/officer/link/" in link.stdout
        assert link.stdout.count(b"\n") == 1
        assert run("officer", "remove", account, cwd=place).returncode == 0
        again = run("officer", "remove", account, cwd=place)
    assert (again.returncode, again.stderr) == (1, b"exchange: no such account\n")
    assert b"/officer/link/" not in (place / "events").read_bytes()
    (listed,) = json.loads(run("officer", "list", "--json", cwd=place).stdout)
    assert (listed["id"], listed["agency"], listed["removed"]) == (account, "jobcentre-a", True)


def test_a_login_of_the_provider_has_one_account(place: Path) -> None:
    login = ("--issuer", "https://login.example", "--subject", "4711")
    assert run("officer", "add", "jobcentre-a", *login, cwd=place).returncode == 0
    again = run("officer", "add", "--role", "auditor", *login, cwd=place)
    assert again.returncode == 1
    assert again.stderr == b"exchange: this login has an account already\n"
    assert b"by login" in run("officer", "list", cwd=place).stdout


def test_what_is_refused_is_one_line(place: Path) -> None:
    for arguments in (
        ("add",),
        ("add", "nobody-here"),
        ("add", "jobcentre-a", "--role", "auditor"),
        ("add", "jobcentre-a", "--subject", "4711"),
        ("link", "00000000-0000-4000-8000-000000000000"),
    ):
        done = run("officer", *arguments, cwd=place)
        assert (done.returncode, done.stdout) == (1, b""), arguments
        assert done.stderr.startswith(b"exchange: ")
        assert done.stderr.count(b"\n") == 1
