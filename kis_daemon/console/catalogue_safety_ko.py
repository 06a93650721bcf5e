"""What the operator reads in Korean of locks, loss limits, circuit breakers and mandates."""

# ruff: noqa: E501 - one sentence, one line

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # --- symbol locks ------------------------------------------------------------------------------------------------
    "symbol_lock_seen": "{stock} 잠김 ({scope:word}, {actor}): {reason}",
    "symbol_unlock_seen": "{stock} 잠금 해제 ({scope:word}, 잠근 이 {actor}): {reason}",
    "help.locks": "종목 잠금을 보거나, 더하거나, 풉니다. 잠긴 종목은 사지 않고, 보유분은 계속 보호합니다.",
    "help.locks_list": "모든 잠금의 범위, 시작과 끝, 이름, 사유를 보여 줍니다.",
    "help.locks_add": "지금부터 SYMBOL을 사지 않습니다. 보유분은 규칙대로 팝니다.",
    "help.locks_remove": "SYMBOL의 잠금을 모두 풉니다. 데몬이 건 잠금(범위 all: 자동 매도 없음)도 풉니다.",
    "help.locks_until": "끝나는 때: 2026-11-30 또는 2026-11-30T09:00 (한국 시각). 없으면 풀 때까지.",
    "help.locks_hours": "또는 몇 시간 뒤에 끝나는지.",
    "usage.locks_two_ends": "--until, --hours: 둘 중 하나만 적어 주십시오",
    "usage.locks_until": "--until {value}: 앞으로 올 날짜나 시각을 적어 주십시오. 예: 2026-11-30, 2026-11-30T09:00",
    "usage.locks_symbol": "{value}: 여섯 자리 종목코드를 적어 주십시오. 예: 005930",
    "usage.locks_none": "{symbol}: 잠겨 있지 않습니다",
    # --- loss limits, circuit breakers, mandates ----------------------------------------------------------------------
    "circuit_breaker_opened": "서킷브레이커({breaker:word}) 작동: {trigger:word} {actual:number}, 한도 {threshold:number}. {until}까지 사지 않습니다. 매도는 계속합니다",
    "circuit_breaker_half_open": "서킷브레이커({breaker:word}) 반개방: 적은 횟수, 작은 수량으로 시험 매수합니다",
    "circuit_breaker_closed": "서킷브레이커({breaker:word}) 정상 복귀: 이익 {good:number}건, 손실 {bad:number}건",
    "circuit_breaker_reset_seen": "서킷브레이커({breaker:word})를 사람이 초기화했습니다",
    "daily_loss_warning": "일일 손실이 한도에 가까워졌습니다: 실현손익 {realized_pnl:gain}, 한도 {limit_pct:pct}",
    "losses_in_a_row": "연속 손실 {losses:number}건: 오늘은 더 사지 않습니다",
    "drawdown_warning": "최고 자산 {peak:won}에서 {drawdown_pct:pct} 내려왔습니다. {limit_pct:pct}이면 손실 서킷브레이커가 작동합니다",
    "mandate_ends": "위임 {mandate}: {days:number}일 뒤({expires_at})에 끝납니다. 그 뒤에는 사지 않습니다. 데몬을 다시 시작하면 새로 위임됩니다",
    "mandate_ended": "위임 {mandate}: {expires_at}에 끝났습니다. 이제 아무것도 사지 않습니다(매도는 계속). 데몬을 다시 시작하면 새로 위임됩니다",
    "word.loss": "손실",
    "word.api": "증권사 응답",
    "word.max_drawdown": "낙폭 %",
    "word.max_daily_loss": "일일 손실",
    "word.rapid_loss": "급격한 손실",
    "word.consecutive_losses": "손실 매매",
    "word.position_limit": "보유 한도",
    "word.exchange_error": "거래소 오류",
    "word.network_issue": "무응답 %",
    "word.manual": "수동",
    "help.breaker": "서킷브레이커를 보거나 초기화합니다.",
    "help.breaker_status": "두 서킷브레이커의 상태, 원인, 대기 시간을 보여 줍니다.",
    "help.breaker_reset": "열린 것을 닫습니다. 사유와 이름이 함께 남습니다.",
    "help.breaker_name": "이것만. 없으면 둘 다.",
    "usage.breaker_closed": "작동 중인 서킷브레이커가 없습니다",
}
