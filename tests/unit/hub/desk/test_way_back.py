"""Where a login leads: pages by a list."""

import pytest

from exchange.hub.desk.way_back import known, page_before

ID = "11111111-1111-4111-8111-111111111111"
PAGES = ("/officer/", "/officer/log", "/officer/consents/{id:[0-9a-f-]{36}}")


@pytest.mark.parametrize("path", ["/officer/", "/officer/log", f"/officer/consents/{ID}"])
def test_pages_of_ours_are_known(path: str) -> None:
    assert known(PAGES, path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//evil.example",
        "https://evil.example/officer/",
        "/officer",
        "/officer/log/",
        "/officer/log?x=1",
        "/officer/log#x",
        "/officer/LOG",
        "/officer/consents/",
        "/officer/consents/x",
        f"/officer/consents/{ID}/",
        f"/officer/consents/{ID}\r\nX: y",
        "/officer/consents/{id:[0-9a-f-]{36}}",
        "\\\\evil",
    ],
)
def test_everything_else_is_not(path: str) -> None:
    assert not known(PAGES, path)


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/officer/log.csv", "/officer/log"),
        (f"/officer/consents/{ID}/proofs/{ID}.proof", f"/officer/consents/{ID}"),
        ("/officer/other.json", None),
        ("/elsewhere", None),
    ],
)
def test_what_is_taken_away_is_offered_at_the_nearest_page_above(
    path: str, page: str | None
) -> None:
    assert page_before(PAGES, path) == page
