"""The Merkle tree against published roots and a slow tree; checkpoints as C2SP describes them."""

import hashlib
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.keys import unb64
from gateway.contract.signed import Malformed
from ledger_bridge.books.log.note import Checkpoint, note, read_note
from ledger_bridge.books.log.tree import Tree, commitment
from tests.street import key

# The eight leaves and the roots after each that Certificate Transparency implementations share.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_are_those_that_certificate_transparency_publishes():
    tree, roots = Tree(), []
    for leaf in LEAVES:
        tree.append(leaf)
        roots.append(tree.root().hex())
    assert ROOTS == roots


def test_the_root_of_nothing_is_the_hash_of_nothing():
    assert hashlib.sha256(b"").digest() == Tree().root()


def slow_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + slow_root(leaves[:k]) + slow_root(leaves[k:])).digest()


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
def test_the_tree_grows_as_the_definition_says(leaves):
    tree = Tree()
    tree.extend(leaves)
    assert slow_root(leaves) == tree.root()
    assert len(leaves) == tree.size


def test_a_checkpoint_is_a_signed_note_that_anybody_can_check():
    head = Checkpoint("meterkast/straat", 3, b"r" * 32)
    text = note(head, key=key("log"))
    body, _, signature = text.partition("\n\n")
    assert "meterkast/straat\n3\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=" == body
    assert signature.startswith("— meterkast/straat ")
    blob = b64decode(signature.split(" ")[2])
    raw = unb64(key("log").public.x)
    expected = hashlib.sha256(b"meterkast/straat\n\x01" + raw).digest()[:4]
    assert expected == blob[:4]
    Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], f"{body}\n".encode())
    assert head == read_note(text, key=key("log").public)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n3\n", "\n4\n"),
        lambda text: text.replace("straat", "dorp"),
        lambda text: text.replace("— ", "- "),
        lambda text: "",
        lambda text: text[:-8],
        lambda text: text.replace("\n3\n", "\n03\n"),
        lambda text: text + "\n",
        lambda text: text[:-1],
    ],
    ids=["size", "origin", "dash", "empty", "cut", "zero before", "line more", "no end"],
)
def test_a_spoilt_checkpoint_is_refused(spoil):
    text = note(Checkpoint("meterkast/straat", 3, b"r" * 32), key=key("log"))
    with pytest.raises(Malformed):
        read_note(spoil(text), key=key("log").public)


def test_a_commitment_hides_what_it_commits_to():
    assert commitment(b"a" * 16, "act", b"{}") != commitment(b"b" * 16, "act", b"{}")


@pytest.mark.parametrize(
    ("size", "root"), [(-1, b"r" * 32), (3, b"r" * 31)], ids=["negative", "short root"]
)
def test_a_head_of_no_tree_is_refused_whoever_signed_it(size, root):
    text = note(Checkpoint("meterkast/straat", size, root), key=key("log"))
    with pytest.raises(Malformed, match="not spelt as it was signed"):
        read_note(text, key=key("log").public)
