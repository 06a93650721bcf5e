"""What the operator reads in Korean about proposals, approvals, mandates and the HTTP desk."""

# ruff: noqa: E501 - one sentence, one line

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "http_not_listening": "HTTP 창구가 {addresses}에서 열리지 않습니다: {reason}. 매매는 계속합니다. 포트를 쓰는 프로그램을 멈추거나 HTTP_BIND를 바꾸십시오",
    "mandate_missing": "유효한 위임이 없어 매수하지 않습니다. main.py mandates grant 로 위임하십시오",
    "proposal_created": "승인 대기({until}까지): {stock} {side:word} {quantity:number}주[[, 최고 {price:won}]][[, 최저 {lowest_price:won}]], {reason}. main.py proposals approve {proposal_id} --by 이름",
    "token_issuance_failed": "토큰 발급 실패: {status}, {reason}",
    "word.PROPOSAL": "승인된 제안",
    "config.http_bind": "{place} {value}: 127.0.0.1:8890 같은 host:port를 쉼표로 잇거나 off라고 적어야 합니다",
    "config.http_token": "{place}: 빈칸 없는 ASCII {least}자 이상이어야 합니다(openssl rand -hex 32)",
    "config.http_tokens_equal": "{place}: 다른 역할의 토큰과 같습니다. 역할마다 달라야 합니다",
    "config.http_open": "{place}: 밖에서 닿는 주소인데 역할 토큰이 없습니다. ADMIN_TOKEN, OPERATOR_TOKEN, VIEWER_TOKEN 중 하나를 적으십시오",
    "help.proposals": "제안을 만들고, 보고, 승인하거나 거부합니다.",
    "help.proposals_generate": "시장 스냅샷을 저장하고 표본 포트폴리오를 제안합니다. proposal_id와 correlation_id를 출력합니다.",
    "help.proposals_snapshot": "스냅샷 JSON: asof, source, universe(symbol, market(KR, US), score).",
    "help.proposals_list": "제안을 새것부터 보여 줍니다.",
    "help.proposals_status": "이 상태의 제안만.",
    "help.proposals_approve": "PROPOSAL을 승인합니다. 포트폴리오는 토큰을 한 번 출력하고, 시그널 주문은 실행 중인 데몬이 냅니다.",
    "help.proposals_reject": "PROPOSAL을 사유와 함께 거부합니다.",
    "help.proposals_by": "누가. 감사 기록에 남습니다.",
    "help.proposals_reason": "왜. 감사 기록에 남습니다.",
    "help.proposals_expires": "토큰이 유효한 초.",
    "help.mandates": "상시 위임을 주고, 보고, 거둡니다.",
    "help.mandates_list": "모든 위임과 지금의 효력을 보여 줍니다.",
    "help.mandates_grant": "매수를 상시 위임합니다. 그 뒤로는 데몬이 시작할 때 스스로 서명하지 않습니다.",
    "help.mandates_revoke": "MANDATE를 거둡니다. 그 위임의 매수는 바로 거부됩니다.",
    "help.mandates_symbols": "쉼표로 이은 종목코드. 없으면 모든 종목.",
    "help.mandates_quantity": "한 번에 살 수 있는 최대 주수.",
    "help.mandates_notional": "하루 매수 금액의 한도(원).",
    "help.mandates_days": "유효한 날수.",
    "proposals.none": "제안이 없습니다",
    "proposals.row": "{proposal_id}  {status}  {created_at}  {what}",
    "proposals.positions": "{count:number}종목: {symbols}",
    "proposals.rejected": "거부함: {proposal_id}",
    "mandates.none": "위임이 없습니다",
    "mandates.row": "{mandate}  {state}  {signed_by}, {expires_at}까지: {symbols}, 한 번에 {max_quantity:number}주, 하루 {max_notional_a_day:won}",
    "mandates.every_symbol": "모든 종목",
    "mandates.granted": "위임함: {mandate}",
    "mandates.revoked": "거둠: {mandate}",
    "usage.proposals_snapshot": "--snapshot {place}: {reason}",
    "usage.proposals_words": "--by, --reason: 내용을 적어야 합니다",
    "usage.proposals_refused": "{code}: {reason}",
    "usage.proposals_daemon": "시그널 주문은 실행 중인 데몬이 내는데 {address}에서 답이 없습니다({reason})",
    "usage.proposals_role": "OPERATOR_TOKEN이나 ADMIN_TOKEN이 없습니다. 실행 중인 데몬이 요구합니다",
    "usage.no_secret": "EXECUTION_JWT_SECRET이 없습니다. 토큰과 위임에 서명합니다(openssl rand -hex 32)",
    "usage.mandates_unknown": "{mandate}: 그런 위임이 없습니다. main.py mandates list 로 확인하십시오",
    "usage.mandates_name": "--by {name}: 사람의 이름이어야 합니다",
}
