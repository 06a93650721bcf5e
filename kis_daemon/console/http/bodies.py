"""The bodies that requests bring: one model checks them and describes them in `/openapi.json` (C18)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_WORDS = r"^[^\x00-\x1f\x7f]*$"  # no control characters: not every database keeps them, and no log line should

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=_WORDS)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_WORDS)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=_WORDS)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_WORDS)]
Life = Annotated[int, Field(ge=1, le=86_400)]


class Body(BaseModel):
    """What every body keeps to: nothing that is not named, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ApproveBody(Body):
    approved_by: Name
    expires_in_seconds: Life = 3600


class RejectBody(Body):
    rejected_by: Name
    rejection_reason: Reason


class IssueTokenBody(Body):
    proposal_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
    correlation_id: Identifier
    proposal_payload_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    expires_in_seconds: Life = 3600


class OrderIntentBody(Body):
    """No side buys, no price orders at the market."""

    symbol: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,20}$")]
    quantity: Annotated[int, Field(ge=1, le=10_000_000)]
    side: Literal["BUY", "SELL"] = "BUY"
    price: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


class PlaceOrderBody(Body):
    order_intent: OrderIntentBody


class ActivateBody(Body):
    reason: Reason
    scope: Literal["all", "entries"] = "all"
    by: Name | None = None


class DeactivateBody(Body):
    """A release says why and who."""

    confirmation_code: Text = ""
    reason: Text = ""
    by: Text = ""


class ForceDeactivateBody(Body):
    admin_key: Annotated[str, StringConstraints(max_length=500, pattern=_WORDS)] = ""
    reason: Text = ""
    by: Text = ""


class WordsBody(Body):
    reason: Reason = "asked for by the API"
    by: Name | None = None


class CloseAllBody(Body):
    """`confirmed` lets it pass a kill switch of scope `all` (C10)."""

    reason: Reason
    by: Name | None = None
    confirmed: bool = False


class NoBody(Body):
    """Nothing is asked for."""


def schema_of(model: type[Body]) -> dict[str, Any]:
    """Return a model's JSON schema, with what it is made of under `$defs`."""
    return model.model_json_schema(ref_template="#/components/schemas/{model}")
