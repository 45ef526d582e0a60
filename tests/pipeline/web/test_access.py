from __future__ import annotations

from email.message import Message

import pytest
from stylize_video.pipeline.web.access import Access, is_from_elsewhere, refusal

HERE = Access("127.0.0.1")
STUDIO = Access("127.0.0.1", "secret", cookie="studio")


def headers(**values: str) -> Message:
    message = Message()
    for name, value in values.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize("header", ["evil.example", "[", "", "127.0.0.1.evil.example:8080"])
def test_names_of_other_sites_are_refused(header: str):
    assert HERE.refusal("/", headers(Host=header))
    assert STUDIO.refusal("/?token=secret", headers(Host=header))
    assert not HERE.refusal("/", headers(Host="LOCALHOST:8080"))
    assert not Access("::1").refusal("/", headers(Host="[::1]"))


def test_for_the_network_every_address_is_this_machine_and_no_strange_name_is():
    access = Access("0.0.0.0", "secret", cookie="studio", names=("desk.local",))
    for host in ("192.168.7.7:99", "[fe80::1]", "desk.local:99", "localhost"):
        assert not access.refusal("/?token=secret", headers(Host=host)), host
    for host in ("evil.example", "desk.local.evil.example", "192.168.7.7.evil.example"):
        assert access.refusal("/?token=secret", headers(Host=host)), host
    assert access.refusal("/", headers(Host="192.168.7.7"))


@pytest.mark.parametrize(
    ("path", "cookie", "allowed"),
    [
        ("/api/state?token=secret", "", True),
        ("/api/state", "studio=secret", True),
        ("/api/state", "a=b; studio=secret; c=d", True),
        ("/api/state", "", False),
        ("/api/state?token=", "studio=", False),
        ("/api/state?token=secre", "", False),
        ("/api/state?token=sécret", "studio=\xff", False),
        ("/api/state?nottoken=secret", "other=secret", False),
        ("/api/state", "studio=guess; junk=\x00;;;=", False),
        ("//[?token=secret", "", True),  # no such page, but nothing breaks
        ("/%00?token=%00", "", False),
    ],
)
def test_the_token_is_in_the_address_or_in_the_cookie(path: str, cookie: str, allowed: bool):
    asked = headers(Host="127.0.0.1:1", **({"Cookie": cookie} if cookie else {}))
    assert (refusal(STUDIO, "GET", path, asked) == "") == allowed


def test_without_a_token_anybody_here_may_look():
    assert refusal(HERE, "GET", "/", headers(Host="127.0.0.1")) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:2"},  # another program of this machine
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_other_sites_are_told_by_what_browsers_say(values: dict[str, str]):
    asked = headers(Host="127.0.0.1:1", Cookie="studio=secret", **values)
    assert is_from_elsewhere(asked, is_page=False)
    assert refusal(STUDIO, "GET", "/api/state", asked) == "the request comes from another site"


def test_a_link_to_the_page_may_be_anywhere_but_a_frame_of_it_nowhere():
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    for kind, refused in (("document", False), ("iframe", True), ("image", True)):
        asked = headers(Host="127.0.0.1:1", Sec_Fetch_Dest=kind, **link)
        assert bool(refusal(STUDIO, "GET", "/?token=secret", asked)) == refused
    asked = headers(Host="127.0.0.1:1", Sec_Fetch_Dest="document", **link)
    assert refusal(STUDIO, "GET", "/api/state?token=secret", asked)
    assert refusal(STUDIO, "POST", "/?token=secret", asked)
