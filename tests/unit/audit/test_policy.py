"""exchange.audit.policy: the file, its limits, and what a note is worth by it."""

from collections.abc import Sequence

import pytest

from exchange.audit.checkpoint import Checkpoint, write_checkpoint
from exchange.audit.cosignature import cosign
from exchange.audit.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_COSIGNATURE,
    Line,
    Note,
    SigningKey,
    VerifyingKey,
    sign,
    verifying,
    write_note,
    write_vkey,
)
from exchange.audit.policy import (
    Group,
    Head,
    Log,
    Policy,
    Witness,
    is_quorum,
    judge,
    log_keys,
    read_policy,
    status_keys,
    write_policy,
)
from exchange.errors import LogInvalid, Malformed

ORIGIN = "hub.example/log"
AT = 1795338000


def key(name: str, kind: int, number: int) -> SigningKey:
    return SigningKey(name, kind, bytes([number]) * 32)


LOG = key(ORIGIN, ED25519, 1)
LOG_PQ = key(ORIGIN, ML_DSA_COSIGNATURE, 4)
A, B, C = (key(f"witness.example/{name}", COSIGNATURE, 10 + at) for at, name in enumerate("abc"))
VLOG, VLOG_PQ, VA, VB, VC = (verifying(one) for one in (LOG, LOG_PQ, A, B, C))
K, KPQ, KA, KB, KC = (write_vkey(one) for one in (VLOG, VLOG_PQ, VA, VB, VC))
FILE = f"""# who sees our log
log {K} https://hub.example/log

witness women-b {KA} https://witness.women-b.example/
witness archive\t{KB}
  witness auditor {KC}\t
group two-of-three 2 women-b archive auditor
quorum two-of-three
""".encode()
POLICY = Policy(
    (Log(VLOG, "https://hub.example/log"),),
    (
        Witness("women-b", VA, "https://witness.women-b.example/"),
        Witness("archive", VB),
        Witness("auditor", VC),
    ),
    (Group("two-of-three", 2, ("women-b", "archive", "auditor")),),
    "two-of-three",
)
TEXT = write_checkpoint(Checkpoint(ORIGIN, 3, bytes(range(32))))


def noted(*lines: Line, text: bytes = TEXT) -> bytes:
    return write_note(Note(text, lines))


def test_a_policy_there_and_back() -> None:
    assert read_policy(FILE) == POLICY
    assert read_policy(write_policy(POLICY)) == POLICY


def test_a_policy_without_witnesses() -> None:
    alone = read_policy(f"log {K}\nquorum none\n".encode())
    assert alone == Policy((Log(VLOG),))
    assert write_policy(alone) == f"log {K}\nquorum none\n".encode()
    assert judge(alone, noted(sign(TEXT, LOG))).quorum


def test_names_are_octets_in_whatever_encoding() -> None:
    raw = (
        b"log "
        + K.encode()
        + b"\nwitness \xe2\x84\xaa\xff "
        + KA.encode()
        + b"\nquorum \xe2\x84\xaa\xff\n"
    )
    policy = read_policy(raw)
    assert policy.witnesses[0].name == b"\xe2\x84\xaa\xff".decode("latin-1")
    assert write_policy(policy) == raw


def test_the_name_of_a_key_may_be_written_in_utf8() -> None:
    named = verifying(key("zeugin.example/stra\u00dfe", COSIGNATURE, 9))
    raw = f"log {K}\nwitness w {write_vkey(named)}\nquorum w\n".encode()
    policy = read_policy(raw)
    assert policy.witnesses[0].key == named
    assert write_policy(policy) == raw


@pytest.mark.parametrize(("word", "threshold"), [("any", 1), ("all", 3), ("1", 1), ("3", 3)])
def test_thresholds_of_groups(word: str, threshold: int) -> None:
    policy = read_policy(FILE.replace(b" 2 ", f" {word} ".encode()))
    assert policy.groups[0].threshold == threshold


NEEDED = f"log {K}\nwitness a {KA}\nwitness b {KB}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none\n",  # no log
        f"log {K}\n",
        f"log {K}\nquorum none",
        f"log {K}\r\nquorum none\n",
        f"log {K}\nquorum none\x00\n",
        f"log {K}\nquorum none\x7f\n",
        f"log {K}\nquorum none\nquorum none\n",
        f"log {K}\nquorum none none\n",
        f"log {K}\nquorum\n",
        f"log {K}\nquorum a\n",
        "log\nquorum none\n",
        f"log {K} url more\nquorum none\n",
        f"log {K[:-1]}\nquorum none\n",
        f"log {KA}\nquorum none\n",  # a witness's key as a log
        f"log {K} # comment here\nquorum none\n",
        f"logs {K}\nquorum none\n",
        f"log {K}\nlog {K}\nquorum none\n",
        f"log {K}\nwitness a {K}\nquorum a\n",  # a log's key as a witness
        f"log {K}\nwitness a\nquorum a\n",
        f"log {K}\nwitness\nquorum none\n",
        f"log {K}\ngroup\nquorum none\n",
        f"log {K}\nwitness a {write_vkey(verifying(key('w.example', ED25519, 33)))}\nquorum a\n",
        f"# a control character \x01\nlog {K}\nquorum none\n",
        f"log {K}\nwitness a {KA} url more\nquorum a\n",
        f"log {K}\nquorum a\nwitness a {KA}\n",  # used before it is defined
        f"log {K}\nwitness none {KA}\nquorum none\n",
        f"log {K}\nwitness a {KA}\nwitness b {KA}\nquorum a\n",
        f"log {K}\nwitness a {KA}\nwitness a {KB}\nquorum a\n",
        NEEDED + "group a any b\nquorum a\n",  # one name space
        NEEDED + "group g any\nquorum g\n",
        NEEDED + "group g\nquorum g\n",
        NEEDED + "group g 0 a b\nquorum g\n",
        NEEDED + "group g 3 a b\nquorum g\n",
        NEEDED + "group g 02 a b\nquorum g\n",
        NEEDED + "group g -1 a b\nquorum g\n",
        NEEDED + "group g one a b\nquorum g\n",
        NEEDED + "group g any a c\nquorum g\n",
        NEEDED + "group g any a none\nquorum g\n",
        NEEDED + "group g any g\nquorum g\n",
        NEEDED + "group g any a a\nquorum g\n",
        NEEDED + "group g any a\ngroup h any a\nquorum g\n",  # a member twice
        NEEDED + "group h any g\ngroup g any a\nquorum h\n",
        NEEDED + "group none any a\nquorum none\n",
    ],
)
def test_no_other_file_is_a_policy(text: str) -> None:
    with pytest.raises(Malformed):
        read_policy(text.encode())


def test_one_raw_key_under_two_names_or_types_is_refused() -> None:
    again = verifying(key("witness.example/again", COSIGNATURE, 10))
    assert again.public == VA.public
    with pytest.raises(Malformed, match="a key twice"):
        read_policy(f"log {K}\nwitness a {KA}\nwitness b {write_vkey(again)}\nquorum a\n".encode())
    as_log = verifying(key("other.example/log", ED25519, 10))
    with pytest.raises(Malformed, match="a key twice"):
        Policy((Log(VLOG), Log(as_log)), (Witness("a", VA),))


def test_the_name_of_a_key_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(Malformed):
        read_policy(b"log \xff" + K.encode() + b"\nquorum none\n")


def _many(count: int) -> list[Witness]:
    keys = [verifying(key(f"w.example/{n}", COSIGNATURE, 20 + n)) for n in range(count)]
    return [Witness(f"w{n}", one) for n, one in enumerate(keys)]


def test_32_of_each_are_read_and_33_are_not() -> None:
    logs = [Log(verifying(key(f"l.example/{n}", ED25519, 80 + n))) for n in range(33)]
    witnesses = _many(33)
    groups = [Group(f"g{n}", 1, (f"w{n}",)) for n in range(33)]
    most = Policy(tuple(logs[:32]), tuple(witnesses[:32]), tuple(groups[:32]), "g31")
    assert read_policy(write_policy(most)) == most
    for policy in (
        (logs, witnesses[:32], groups[:32]),
        (logs[:32], witnesses, groups[:32]),
        (logs[:32], witnesses[:32], [*groups[:32], Group("g32", 1, ("g31",))]),
    ):
        with pytest.raises(Malformed, match="32"):
            Policy(*(tuple(part) for part in policy))  # type: ignore[arg-type]


def test_a_file_of_more_than_256_kib_is_refused() -> None:
    with pytest.raises(Malformed, match="too large"):
        read_policy(b"#" + b" " * 256 * 1024 + b"\n" + FILE)


@pytest.mark.parametrize("word", ["", "a b", "a\tb", "a\nb", "\u20ac"])
def test_names_and_addresses_are_words_that_can_be_written(word: str) -> None:
    a = Witness("a", VA)
    with pytest.raises(Malformed, match="single words"):
        Policy((Log(VLOG),), (Witness(word, VA),))
    with pytest.raises(Malformed, match="single words"):
        Policy((Log(VLOG),), (Witness("a", VA, word),))
    with pytest.raises(Malformed, match="single words"):
        Policy((Log(VLOG, word),))
    with pytest.raises(Malformed, match="single words"):
        Policy((Log(VLOG),), (a,), (Group(word, 1, ("a",)),))


def test_a_policy_made_by_hand_is_held_to_the_same_rules() -> None:
    a = Witness("a", VA)
    with pytest.raises(Malformed, match="not defined before"):
        Policy((Log(VLOG),), (a,), (Group("g", 1, ("b",)),), "g")
    with pytest.raises(Malformed, match="quorum is not defined"):
        Policy((Log(VLOG),), (a,), quorum="b")
    with pytest.raises(Malformed, match="reserved"):
        Policy((Log(VLOG),), (Witness("none", VA),))


def test_a_note_that_two_of_three_cosigned() -> None:
    raw = noted(sign(TEXT, LOG), cosign(TEXT, A, AT), cosign(TEXT, C, AT + 7))
    head = judge(POLICY, raw)
    assert head == Head(
        Checkpoint(ORIGIN, 3, bytes(range(32))), raw, {"women-b": AT, "auditor": AT + 7}, True
    )


def test_one_of_three_is_no_quorum_but_no_fault() -> None:
    head = judge(POLICY, noted(sign(TEXT, LOG), cosign(TEXT, B, AT)))
    assert (dict(head.cosigned), head.quorum) == ({"archive": AT}, False)


def test_of_several_cosignatures_the_newest_counts_and_counts_once() -> None:
    lines = [cosign(TEXT, A, AT + more) for more in (0, 600, 300)]
    head = judge(POLICY, noted(sign(TEXT, LOG), *lines))
    assert (dict(head.cosigned), head.quorum) == ({"women-b": AT + 600}, False)


def test_strangers_cosignatures_count_nothing() -> None:
    stranger = key("witness.example/a", COSIGNATURE, 99)
    head = judge(POLICY, noted(sign(TEXT, LOG), cosign(TEXT, stranger, AT)))
    assert not head.cosigned


def _refused(policy: Policy, raw: bytes) -> str:
    with pytest.raises(LogInvalid) as refused:
        judge(policy, raw)
    return refused.value.what


def test_a_note_without_its_log_is_refused_whoever_cosigned() -> None:
    lines = [cosign(TEXT, one, AT) for one in (A, B, C)]
    assert _refused(POLICY, noted(*lines)) == "log-unsigned"
    foreign = sign(TEXT, key(ORIGIN, ED25519, 99))
    assert _refused(POLICY, noted(foreign, *lines)) == "log-unsigned"
    assert _refused(POLICY, noted(foreign)) == "note-unsigned"


def test_a_false_cosignature_rejects_the_note() -> None:
    other = TEXT.replace(b"\n3\n", b"\n4\n")
    raw = noted(sign(TEXT, LOG), cosign(other, A, AT), cosign(TEXT, B, AT), cosign(TEXT, C, AT))
    assert _refused(POLICY, raw) == "note-signature"


def test_a_checkpoint_under_another_origin_is_refused() -> None:
    text = TEXT.replace(b"hub.example", b"pub.example")
    assert _refused(POLICY, noted(sign(text, LOG), text=text)) == "checkpoint-origin"
    other = key("pub.example/log", ED25519, 7)
    two = Policy((Log(VLOG), Log(verifying(other))))
    assert judge(two, noted(sign(text, other), text=text)).checkpoint.origin == "pub.example/log"
    assert _refused(two, noted(sign(text, LOG), text=text)) == "checkpoint-origin"
    assert (
        _refused(two, noted(sign(text, other), sign(text, LOG), text=text)) == "checkpoint-origin"
    )


def test_who_wants_post_quantum_proof_lists_only_that_key() -> None:
    pq = Policy((Log(VLOG_PQ),))
    assert judge(pq, noted(sign(TEXT, LOG), cosign(TEXT, LOG_PQ, AT))).quorum
    assert _refused(pq, noted(sign(TEXT, LOG))) == "note-unsigned"
    either = Policy((Log(VLOG), Log(VLOG_PQ)))
    assert judge(either, noted(sign(TEXT, LOG))).quorum


def test_an_ml_dsa_line_does_not_disturb_who_knows_only_ed25519() -> None:
    assert not judge(POLICY, noted(sign(TEXT, LOG), cosign(TEXT, LOG_PQ, AT))).cosigned


def test_keys_of_a_log() -> None:
    policy = Policy((Log(VLOG), Log(VLOG_PQ)))
    assert log_keys(policy, ORIGIN) == (VLOG, VLOG_PQ)
    assert log_keys(policy, "other.example/log") == ()


@pytest.mark.parametrize(
    ("cosigned", "enough"),
    [
        ([], False),
        (["x1", "x2"], False),
        (["y1"], False),
        (["x1", "y1"], False),
        (["x1", "x3", "y2"], True),
        (["x1", "x2", "x3", "y1", "y2", "y3"], True),
        (["optional"], False),
    ],
)
def test_groups_of_groups(cosigned: Sequence[str], enough: bool) -> None:
    names = ["x1", "x2", "x3", "y1", "y2", "y3", "optional"]
    keys: list[VerifyingKey] = [witness.key for witness in _many(7)]
    policy = Policy(
        (Log(VLOG),),
        tuple(Witness(name, one) for name, one in zip(names, keys, strict=True)),
        (
            Group("x", 2, ("x1", "x2", "x3")),
            Group("y", 1, ("y1", "y2", "y3")),
            Group("x-and-y", 2, ("x", "y")),
        ),
        "x-and-y",
    )
    assert is_quorum(policy, cosigned) is enough


def test_a_single_witness_may_be_the_quorum() -> None:
    policy = Policy((Log(VLOG),), (Witness("a", VA), Witness("b", VB)), quorum="a")
    assert is_quorum(policy, ["a"])
    assert not is_quorum(policy, ["b"])


STATUS = key(f"{ORIGIN}/status", ED25519, 5)
LONE = key("other.example/log/status", ED25519, 6)
"""Named like a key of status notes, of a log that the policy does not name."""
NAMED = Policy((Log(VLOG), Log(verifying(STATUS)), Log(verifying(LONE))))


def own_head(signer: SigningKey) -> bytes:
    """Return the head of a log that is named as its key is."""
    text = write_checkpoint(Checkpoint(signer.name, 1, b"r" * 32))
    return write_note(Note(text, (sign(text, signer),)))


def test_a_status_key_is_one_of_a_log_that_the_policy_names() -> None:
    assert status_keys(NAMED) == {verifying(STATUS)}
    assert judge(NAMED, own_head(LONE)).checkpoint.origin == LONE.name


def test_whoever_has_stolen_a_status_key_shows_no_log_of_that_name() -> None:
    with pytest.raises(LogInvalid) as refused:
        judge(NAMED, own_head(STATUS))
    assert refused.value.what == "note-unsigned"
