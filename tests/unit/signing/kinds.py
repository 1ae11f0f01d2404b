"""The three kinds of signer, each with how it goes away and comes back: a file, a service, a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from consensus.api import Signer
from consensus.tags import Tag, preimage
from node.identity.keyfile import write_key
from node.identity.signers import FileSigner
from node.identity.suite import Suite, get_suite
from tests.unit.signing.conftest import World
from tests.unit.signing.tokens import Hsm


@dataclass
class Kind:
    """program: of another process that signs the message of its argument with the same key. is_bound: it asks
    what a message is. can_go: somebody else may take the key away while it is used."""

    suite: Suite
    signer: Callable[[], Signer]
    program: Callable[[], str]
    go_away: Callable[[], object]
    come_back: Callable[[], object]
    is_bound: bool
    can_go: bool = True

    def message(self) -> bytes:
        """What a vote key signs."""
        return preimage(Tag.CHECKPOINT, self.suite.id, b"what stands there")


Made = AbstractContextManager[Kind]
SIGNED = "print(signer.sign(bytes.fromhex(sys.argv[1])).hex())"


@contextmanager
def file(folder: Path, request: pytest.FixtureRequest) -> Iterator[Kind]:
    suite, path = get_suite("intl"), folder / "vote.pem"
    write_key(path, suite.generate_key(), b"word")
    away = path.with_suffix(".away")
    program = (
        "import sys; from node.identity.signers import FileSigner; "
        f"signer = FileSigner({str(path)!r}, b'word'); {SIGNED}"
    )
    yield Kind(
        suite,
        lambda: FileSigner(path, b"word"),
        lambda: program,
        lambda: path.rename(away),
        lambda: away.rename(path),
        is_bound=False,
        can_go=False,  # it is read once
    )


@contextmanager
def service(folder: Path, request: pytest.FixtureRequest) -> Iterator[Kind]:
    world: World = request.getfixturevalue("world")
    port = world.service.port
    for name, pem in (
        ("n.crt", world.node.certificate_pem),
        ("n.pem", world.node.key_pem),
        ("s.crt", world.own.certificate_pem),
    ):
        (folder / name).write_bytes(pem)
        (folder / name).chmod(0o600)
    program = f"""
import sys
from pathlib import Path
from node.identity.suite import get_suite
from node.identity.transport import load_transport
from node.signing.remote import RemoteSigner, SigningClient
at = Path({str(folder)!r})
own = load_transport(at / "n.crt", at / "n.pem")
client = SigningClient("127.0.0.1:{port}", own, (at / "s.crt").read_bytes())
(key,) = [key for key in client.held() if key.name == "vote"]
signer = RemoteSigner(client, key, get_suite("sm"))
{SIGNED}
client.close()
"""
    yield Kind(
        world.suite,
        lambda: world.signer("vote"),
        lambda: program,
        world.service.stop,
        lambda: world.start(port),
        is_bound=True,
    )


@contextmanager
def token(folder: Path, request: pytest.FixtureRequest) -> Iterator[Kind]:
    hsm: Hsm = request.getfixturevalue("hsm")
    held = hsm.open()
    held.generate("vote")
    program = (
        "import sys; from node.signing.pkcs11 import shared_token; "
        "from node.signing.token_place import read_place; "
        f"signer = shared_token(read_place({str(hsm.place)!r})).signer('vote'); {SIGNED}"
    )
    yield Kind(
        get_suite("intl"),
        lambda: held.signer("vote", is_bound=True),
        lambda: program,
        hsm.pull,
        hsm.put_back,
        is_bound=True,
    )
    held.close()


KINDS: tuple[Callable[[Path, pytest.FixtureRequest], Made], ...] = (file, service, token)
