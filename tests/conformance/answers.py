"""What the broker gave its customer, and what it answers to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the broker's customer was given."""

    app_key: str
    app_secret: str
    account: str
    hts_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    raw: bytes
    body: Any

    @property
    def code(self) -> str:
        """Return the code of either envelope."""
        return str(self.body.get("msg_cd") or self.body.get("error_code", ""))

    @property
    def rt_cd(self) -> str:
        return str(self.body["rt_cd"])

    @property
    def output(self) -> Any:
        return self.body["output"]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Return output1, where ledgers and charts have their list."""
        found: list[dict[str, str]] = self.body["output1"]
        return found

    @property
    def tr_cont(self) -> str:
        return self.headers.get("tr_cont", "")

    def done(self) -> Self:
        """Return the answer, which must be a success."""
        assert (self.status, self.body.get("rt_cd")) == (200, "0"), (self.status, self.body)
        return self

    def refused(self, rt_cd: str, code: str) -> Self:
        """Return the answer, which must be the business's own refusal: HTTP 200."""
        assert (self.status, self.body.get("rt_cd"), self.code) == (200, rt_cd, code), (self.status, self.body)
        return self

    def failed(self, code: str, status: int = 500) -> Self:
        """Return the answer, which must be an error of the gateway or of the fields."""
        assert (self.status, self.code) == (status, code), (self.status, self.body)
        return self
