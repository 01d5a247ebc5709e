"""The slip: what is known of a deposit, and the code that claims it where no card does."""

import hashlib
import hmac

from gateway.community.bridgekey import BridgeKey
from gateway.contract import credit
from gateway.contract.credit import Credit
from gateway.contract.keys import SigningKey
from gateway.contract.signed import Malformed
from gateway.kiosk.view import KEPT, SENT

# Crockford's base 32: without I, L, O and U, which are easily taken for others.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARS = 8
# What the hub has said of so many deposits is remembered: several busy days.
CREDITS_MAX = 2_000


def secret(key: SigningKey) -> bytes:
    """What a gateway's codes are made with: always the same, and nobody else can know it.

    Ed25519 gives the same signature every time, so that nothing has to be kept.
    """
    return hashlib.sha256(key.sign(b"claim codes")).digest()


def code(deposit: str, key: bytes) -> str:
    """The claim code of a deposit, "K7QM-3RXA"; `key` is the gateway's `secret`."""
    number = int.from_bytes(hmac.digest(key, deposit.encode(), "sha256"))
    letters = "".join(LETTERS[number >> 5 * place & 31] for place in range(CODE_CHARS))
    return f"{letters[:4]}-{letters[4:]}"


class Credits:
    """What the hub said of deposits. `forged` counts what the bridge's key has not signed."""

    def __init__(self, *, community: str, gateway: str, bridge_key: BridgeKey) -> None:
        self.forged = 0
        self._owner = (community, gateway)
        self._bridge_key = bridge_key
        self._said: dict[str, Credit] = {}

    def take(self, data: bytes) -> str:
        """Remember a credit; gives the reason where it is not for us to believe, else ""."""
        try:
            said = credit.check(data, key=self._bridge_key.key)
            if (said.community, said.gateway) != self._owner:
                raise Malformed(f"a credit for {said.gateway!r} of {said.community!r}")
        except Malformed as error:
            self.forged += 1
            return str(error)
        self._said[said.deposit] = said
        while len(self._said) > CREDITS_MAX:
            del self._said[next(iter(self._said))]
        return ""

    def of(self, deposit: str, *, is_sent: bool) -> Credit:
        """What is known of a deposit; its state is "kept" or "sent" until the hub said more."""
        community, gateway = self._owner
        state = SENT if is_sent else KEPT
        return self._said.get(deposit) or Credit(community, gateway, deposit, state)
