"""A6: a path that decodes into something else. Ours never need a percent sign."""

import pytest

from tests.attacks.served import Served

pytestmark = pytest.mark.http

ID = "06060606-0606-4606-8606-06060606060a"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/disclosures/%2e%2e",
        "/v1/disclosures/..",
        "/v1/disclosures/../inbox",
        "/v1/./inbox",
        "/v1//inbox",
        "/v1/inbox/",
        "/v1/disclosures/a%2fb",
        "/v1/disclosures/%00",
        "/v1/disclosures/%ff",
        "/v1/disclosures/%252f",
        "/v1/disclosures/%c0%af",
        "/v1/disclosures/a;b",
        "/v1/inbox;a=b",
        "/v1/inbox#part",
        "/v1/inbo%78",
        "/v1\\inbox",
        "/V1/inbox",
        "/v1/disclosures/%s" % ID.upper(),  # noqa: UP031 - the line below is full of percent signs
        f"/v1/disclosures/{ID}%20",
        f"/v1/disclosures/{ID}.json",
        f"/v1/disclosures/{{{ID}}}",
        f"/v1/disclosures/{ID.replace('-', '')}",
        "/v1/disclosures/00000000-0000-1000-8000-000000000000",
        "/v1/disclosures/-1",
        "/v1/disclosures/{id}",
        "/v1/agencies/%77omen-b",
        "/v1/agencies/Women-B",
        "/v1/agencies/a",
        "/v1/agencies/" + "a" * 64,
        "/" + "a" * 600,
        "/healthz%20",
        "/docs/../openapi.json",
        "/docs/swagger-ui.css%00.js",
        "/docs/..%2f..%2f..%2ftables.py",
    ],
)
def test_a_path_that_no_id_can_have_does_not_exist(hub: Served, path: str) -> None:
    hub.refused(hub.head(f"GET {path} HTTP/1.1", hub.token()), 404)


@pytest.mark.parametrize("path", ["/v1/in box", "/v1/inbox\x00", "/v1/\xe4", "/v1/inbox\x0b"])
def test_a_path_with_bytes_that_no_path_has_is_refused(hub: Served, path: str) -> None:
    with hub.no_trace():
        reply = hub.ask(hub.head(f"GET {path} HTTP/1.1", hub.token()))

    assert reply.status in {400, 404}


def test_a_path_of_ours_is_found(hub: Served) -> None:
    assert hub.ask(hub.head("GET /v1/inbox HTTP/1.1", hub.token())).status == 200
