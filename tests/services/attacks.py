"""Attacks on the order desk, made from a seed: every one is to be refused, heard by nobody at the broker, and kept.

Rules of this room
    An attack is a token (or none) and a body, as bytes, as they come over HTTP. Each says which refusals it may get.
    The kinds take turns, so that every one is tried equally often; the seed decides everything else.
"""

from __future__ import annotations

import base64
import json
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import jwt

from kis_daemon.console.http.answers import BadRequest, checked, parsed
from kis_daemon.console.http.bodies import PlaceOrderBody
from kis_daemon.domain.approvals import OrderRequest
from kis_daemon.domain.market import Side
from kis_daemon.services.order_desk import Cause, NotPlaced
from tests.services.order_path import OrderPath
from tests.services.persons import Persons

GOOD_BODY = json.dumps({"order_intent": {"symbol": "005930", "quantity": 10}}).encode()
SECRET = b"s" * 32  # of the order path's desk
_TOKENS = frozenset({Cause.NO_TOKEN, Cause.SIGNATURE})
_LETTERS = string.ascii_letters + string.digits + "-_"


@dataclass(frozen=True, kw_only=True)
class Attack:
    kind: str
    token: str | None
    body: bytes
    may_be: frozenset[Cause]


@dataclass
class Outcome:
    """What came of the attacks; `wrong` are those that were not refused as they had to be."""

    tried: Counter[str] = field(default_factory=Counter)
    causes: Counter[Cause] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Loot:
    """What an attacker may have got hold of."""

    good: str
    used: str
    expired: str
    unapproved: str
    rejected: str


class Attacker:
    """Makes attacks from a seed."""

    def __init__(self, loot: Loot, seed: int) -> None:
        self._loot = loot
        self._random = Random(seed)
        self._claims: dict[str, Any] = jwt.decode(loot.good, options={"verify_signature": False})

    def attack(self, number: int) -> Attack:
        """Return the attack of that number."""
        kinds = list(KINDS)
        return KINDS[kinds[number % len(kinds)]](self)

    # tokens

    def replayed(self) -> Attack:
        return _attack("replayed", self._loot.used, GOOD_BODY, Cause.RECORD)

    def expired(self) -> Attack:
        return _attack("expired", self._loot.expired, self._any_body(), Cause.EXPIRED)

    def unapproved(self) -> Attack:
        token = self._random.choice([self._loot.unapproved, self._loot.rejected])
        return _attack("not approved", token, GOOD_BODY, Cause.RECORD)

    def altered(self) -> Attack:
        parts = [list(part) for part in self._loot.good.split(".")]
        while ".".join(map("".join, parts)) == self._loot.good:
            for _ in range(self._random.randint(1, 4)):
                part = self._random.choice(parts)
                if len(part) > 1:
                    self._alter(part)
        token = ".".join(map("".join, parts))
        # the last letter of base64 has bits that mean nothing: the same bytes may come out
        same = all(
            _bytes_of(a) == _bytes_of(b) for a, b in zip(token.split("."), self._loot.good.split("."), strict=True)
        )
        return _attack("altered", token, GOOD_BODY, *((Cause.SIGNATURE, Cause.RECORD) if same else (Cause.SIGNATURE,)))

    def _alter(self, part: list[str]) -> None:
        at = self._random.randrange(len(part))
        match self._random.randrange(3):
            case 0:
                part[at] = self._random.choice(_LETTERS)
            case 1:
                part.insert(at, self._random.choice(_LETTERS))
            case _:
                del part[at]

    def extended(self) -> Attack:
        """Other claims under the true signature."""
        claims = self._claims | self._random.choice(
            [
                {"exp": self._claims["exp"] + self._random.randint(1, 10**6)},
                {"sub": self._random_text(32)},
                {"bound": self._random_text(64)},
                {"jti": self._random_text(36), "admin": True},
            ]
        )
        header, _, signature = self._loot.good.split(".")
        return _attack("other claims", f"{header}.{_encoded(claims)}.{signature}", GOOD_BODY, Cause.SIGNATURE)

    def wrong_key(self) -> Attack:
        key = self._random.choice([self._random.randbytes(32), b"x" * 32, SECRET + b"s", SECRET[:-1] + b"t"])
        algorithm = self._random.choice(["HS256", "HS384", "HS512"])
        return _attack(
            "wrong key", jwt.encode(self._claims, key.ljust(64, b"."), algorithm), GOOD_BODY, Cause.SIGNATURE
        )

    def other_algorithm(self) -> Attack:
        """The right key with another algorithm, and headers that ask for none."""
        if self._random.random() < 0.3:
            token = jwt.encode(self._claims, SECRET.ljust(64, b"s"), self._random.choice(["HS384", "HS512"]))
        else:
            told: dict[str, Any] = {
                "alg": self._random.choice(["none", "None", "NONE", "nOnE", "", "RS256", "ES256", None, 1, [], "HS257"])
            }
            told |= self._random.choice(
                [{}, {"typ": "JWT"}, {"jwk": {"kty": "oct", "k": ""}}, {"kid": "../../dev/null"}]
            )
            signature = self._random.choice(["", self._loot.good.split(".")[2], self._random_text(43)])
            token = f"{_encoded(told)}.{self._loot.good.split('.')[1]}.{signature}"
        return _attack("other algorithm", token, GOOD_BODY, Cause.SIGNATURE)

    def malformed_token(self) -> Attack:
        choice = self._random
        token = choice.choice(
            [
                None,
                "",
                ".",
                "..",
                "a.b.c",
                self._random_text(choice.randint(1, 3_000)),
                ".".join(self._random_text(choice.randint(0, 400)) for _ in range(choice.randint(1, 6))),
                "".join(chr(choice.randint(0x20, 0x2FFF)) for _ in range(choice.randint(1, 200))),
                "\udce9" * choice.randint(1, 20),
                self._loot.good + choice.choice([".", " ", "\n", "\x00", "=", self._loot.good]),
                f"{_encoded_text('[' * choice.randint(1, 300))}.{_encoded_text('{' * 50)}.{self._random_text(43)}",
                f"{_encoded([1, 2])}.{_encoded('x')}.{self._random_text(43)}",
            ]
        )
        return _attack("malformed token", token, self._any_body(), *_TOKENS)

    # bodies and orders

    def cross_order(self) -> Attack:
        """A good token with an order that it was not given for."""
        wanted: dict[str, Any] = {"symbol": "005930", "quantity": 10}
        match self._random.randrange(5):
            case 0:
                wanted["symbol"] = f"{self._random.randrange(1_000_000):06d}"
                if wanted["symbol"] in ("005930", "000660", "035420", "035720", "005380"):
                    wanted["symbol"] = "999999"
            case 1:
                wanted["symbol"] = self._random.choice(["AAPL", "MSFT", "NVDA", "TSLA", "KO", "a", "005930x"])
            case 2:
                wanted["side"] = "SELL"
            case 3:
                wanted["quantity"] = self._random.randint(1_000, 10_000_000)
            case _:
                wanted["price"] = self._random.choice([1, 48_599, 70_001, 70_050, 999_999_999])
        may_be = (Cause.OTHER_ORDER, Cause.UNSUPPORTED_SYMBOL, Cause.WEIGHT, Cause.PRICE)
        return _attack("cross-order", self._loot.good, _body(wanted), *may_be)

    def malformed_body(self) -> Attack:
        return _attack("malformed body", self._loot.good, self._bad_body(), Cause.MALFORMED)

    def _any_body(self) -> bytes:
        return self._random.choice([GOOD_BODY, self._bad_body()])

    def _bad_body(self) -> bytes:
        choice = self._random
        odd: Any = choice.choice([None, "", 0, -1, 1.5, "10", True, [], {}, 10**400, "x" * 100, {"a": 1}, float("nan")])
        name = choice.choice(["quantity", "symbol", "side", "price"])
        if name == "price" and odd is None:
            odd = 0
        wanted: dict[str, Any] = {"symbol": "005930", "quantity": 10, name: odd}
        return choice.choice(
            [
                _body(wanted),
                _body({"symbol": "005930"}),
                _body({"quantity": 10}),
                _body({"symbol": "005930", "quantity": 10, self._random_text(5) + "x": 1}),
                json.dumps({"order_intent": odd}).encode(),
                json.dumps({"order": {"symbol": "005930", "quantity": 10}}).encode(),
                json.dumps([odd]).encode(),
                choice.randbytes(choice.randint(1, 300)) + b"\xff",
                GOOD_BODY[: choice.randint(1, len(GOOD_BODY) - 1)],
                GOOD_BODY + b"}",
                b"[" * choice.randint(1, 8_000),
                b'{"order_intent":' * choice.randint(1, 900),
                b"",
            ]
        )

    def _random_text(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))


KINDS: dict[str, Callable[[Attacker], Attack]] = {
    kind.__name__: kind
    for kind in (
        Attacker.replayed,
        Attacker.expired,
        Attacker.unapproved,
        Attacker.altered,
        Attacker.extended,
        Attacker.wrong_key,
        Attacker.other_algorithm,
        Attacker.malformed_token,
        Attacker.cross_order,
        Attacker.malformed_body,
    )
}


async def loot_of(persons: Persons, path: OrderPath) -> Loot:
    """Lay out what an attacker may have: tokens that were used, expired, never approved, of a rejected proposal."""
    used = await persons.token()
    await persons.place(used, price=70_000)
    path.broker.fill(path.broker.listing[-1].order_no, 10)
    await path.reconciler.attempt()
    expired = await persons.token(timedelta(seconds=1))
    await path.passes(2)
    proposal = persons.propose()
    bound = f"proposal|{proposal.payload_hash}"
    unapproved = path.desk.mint.sign("unapproved", proposal.proposal_id, bound, timedelta(hours=1)).token
    await persons.proposals.reject(proposal.proposal_id, "admin", "no")
    rejected = path.desk.mint.sign("rejected", proposal.proposal_id, bound, timedelta(hours=1)).token
    good = await persons.token()
    return Loot(good=good, used=used, expired=expired, unapproved=unapproved, rejected=rejected)


async def attack_all(path: OrderPath, count: int, seed: int) -> Outcome:
    """Try `count` attacks; nothing of them may reach the broker, each leaves one fact."""
    persons = Persons(path)
    outcome = Outcome()
    attacker = Attacker(await loot_of(persons, path), seed)
    sent = len(path.broker.sent)
    await path.journal.write()
    before = persons.refused()
    for number in range(count):
        attack = attacker.attack(number)
        answer = await persons.orders.place(attack.token, _reader(attack.body))
        outcome.tried[attack.kind] += 1
        if not isinstance(answer, NotPlaced) or answer.cause not in attack.may_be or not answer.reason:
            outcome.wrong.append(f"{number} {attack.kind}: {answer}, token {attack.token!r}, body {attack.body[:80]!r}")
        else:
            outcome.causes[answer.cause] += 1
        if len(path.broker.sent) != sent:
            outcome.wrong.append(f"{number} {attack.kind}: the broker heard of it")
            sent = len(path.broker.sent)
    await path.journal.write()
    kept = persons.refused() - before
    if kept != count:
        outcome.wrong.append(f"{kept} facts of {count} attacks")
    return outcome


def _reader(body: bytes) -> Callable[[], OrderRequest]:
    """Read a body as the page does."""

    def read() -> OrderRequest:
        try:
            wanted = checked(PlaceOrderBody, parsed(body)).order_intent
        except BadRequest as wrong:
            raise ValueError(wrong.reason) from None
        return OrderRequest(symbol=wanted.symbol, side=Side(wanted.side), quantity=wanted.quantity, price=wanted.price)

    return read


def _attack(kind: str, token: str | None, body: bytes, *may_be: Cause) -> Attack:
    return Attack(kind=kind, token=token, body=body, may_be=frozenset(may_be))


def _body(wanted: dict[str, Any]) -> bytes:
    return json.dumps({"order_intent": wanted}).encode()


def _encoded(told: Any) -> str:
    return _encoded_text(json.dumps(told))


def _encoded_text(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _bytes_of(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b"?" + part.encode()
