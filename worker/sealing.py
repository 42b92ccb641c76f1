"""
Tokens encrypted at rest: what a stolen copy of the database gives away is worthless without the key.

The key comes from the environment. Several keys may be given, newest first: the first
one encrypts, all of them decrypt, so that a key is changed without anybody installing anew.
"""

import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SealError(Exception):
    """A secret cannot be encrypted or read back; the message says what to do."""


class Seal:
    """
    Encrypts secrets (Fernet: AES-128-CBC with HMAC-SHA256) together with the name of their owner.

    The owner is inside, so that a row copied over another one is noticed: whoever can write
    to the database cannot make one workspace speak with the token of another.

    Args:
        keys: 32 bytes in URL-safe base64 each, newest first.

    Raises:
        SealError: there is no key, or one is malformed.

    >>> seal = Seal([Fernet.generate_key().decode()])
    >>> seal.open("T1", seal.close("T1", "secret"))
    'secret'
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._box = MultiFernet([Fernet(key) for key in keys])
        except ValueError as problem:
            raise SealError(
                "SIGNPOST_SLACK_TOKEN_KEY must be one or more keys of 32 bytes in URL-safe base64, separated by "
                "commas: `openssl rand -base64 32 | tr '+/' '-_'` makes one"
            ) from problem

    def close(self, owner: str, secret: str) -> str:
        """
        *secret*, encrypted with the newest key.
        """
        return self._box.encrypt(json.dumps([owner, secret]).encode()).decode()

    def open(self, owner: str, sealed: str) -> str:
        """
        The secret of *owner*.

        Raises:
            SealError: no key fits, or it belongs to somebody else.
        """
        try:
            written_for, secret = json.loads(self._box.decrypt(sealed.encode()))
        except (InvalidToken, ValueError) as problem:
            raise SealError(
                f"the token of {owner} cannot be decrypted: SIGNPOST_SLACK_TOKEN_KEY was changed without keeping "
                "the old key behind the new one, or the row was damaged"
            ) from problem
        if written_for != owner:
            raise SealError(f"the token stored for {owner} is not its own: the row was tampered with")
        return str(secret)
