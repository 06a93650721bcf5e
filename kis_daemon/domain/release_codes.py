"""The confirmation code of the kill switch: made at an activation, kept as a hash, asked for at the release.

Rules of this room (L17)
    Six upper-case hex characters. Who activates is shown them once; the records keep a salted, slow hash.
    Five wrong tries (codes or admin keys) lock every try out for fifteen minutes, whatever is said meanwhile; a new
    activation makes a new code and forgives no try.
    Comparing takes the same time for every wrong answer.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RANDOM_BYTES = 3 + 16  # a code and its salt
TRIES = 5
LOCKOUT = timedelta(minutes=15)
SECOND_PERSON_WITHIN = timedelta(minutes=10)

_ROUNDS = 50_000  # about 20 ms a try; 24 bits are few, and the lockout is what keeps them


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeState:
    """What is kept of the code in force, of wrong tries, and of the first of two persons who release.

    `made_for` is the beginning of the activation it was made for: a later activation has none yet.
    """

    salt: str = ""
    digest: str = ""
    made_for: str = ""
    wrong: int = 0
    locked_until: datetime | None = None
    first_by: str = ""
    first_at: datetime | None = None

    def is_for(self, since: datetime | None) -> bool:
        """Whether there is a code for the activation that began at `since` (None: the switch without a record)."""
        return bool(self.digest) and self.made_for == _name(since)

    def matches(self, code: str) -> bool:
        """Whether `code` is the one; case and blanks around it do not matter."""
        return hmac.compare_digest(_digest(code.strip().upper(), self.salt), self.digest)

    def lockout_left(self, at: datetime) -> timedelta | None:
        """Return for how long every try is refused, None while tries are taken."""
        if self.locked_until is None or at >= self.locked_until:
            return None
        return min(self.locked_until - at, LOCKOUT)  # a clock that was set back makes it no longer

    def after_wrong(self, at: datetime) -> CodeState:
        """Return the state after one more wrong try; the fifth begins a lockout, and the count anew."""
        wrong = self.wrong + 1
        if wrong < TRIES:
            return replace(self, wrong=wrong, locked_until=None)
        return replace(self, wrong=0, locked_until=at + LOCKOUT)

    def with_code(self, code: str, salt: str, since: datetime | None) -> CodeState:
        """Return the state with a new code; wrong tries stay counted, a first person has to ask again."""
        return CodeState(
            salt=salt,
            digest=_digest(code, salt),
            made_for=_name(since),
            wrong=self.wrong,
            locked_until=self.locked_until,
        )

    def with_first(self, by: str, at: datetime) -> CodeState:
        return replace(self, wrong=0, locked_until=None, first_by=by, first_at=at)

    def has_first_other_than(self, by: str, at: datetime) -> bool:
        """Whether another person than `by` asked for the release a short while ago."""
        if self.first_at is None or at - self.first_at > SECOND_PERSON_WITHIN:
            return False
        return self.first_by.casefold() != by.strip().casefold()


def new_code(random: bytes) -> tuple[str, str]:
    """Return a code and its salt, made of `RANDOM_BYTES` random bytes."""
    return random[:3].hex().upper(), random[3:RANDOM_BYTES].hex()


def is_key(given: str, expected: str) -> bool:
    """Whether `given` is the admin key; takes the same time for every wrong one."""
    return hmac.compare_digest(_bytes(given.strip()), _bytes(expected))


def _digest(code: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", _bytes(code), salt.encode(), _ROUNDS).hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # whatever somebody sends is wrong, and no error


def _name(since: datetime | None) -> str:
    return "never" if since is None else since.isoformat()
