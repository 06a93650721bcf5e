"""What the operator reads in Korean of locks, loss limits, circuit breakers and mandates."""

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
}
