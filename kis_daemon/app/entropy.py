"""Where secrets and token ids come from: the operating system, or a seed where a run has to repeat itself."""

from __future__ import annotations

import random
import secrets


class SystemEntropy:
    """`ports.Entropy` of the operating system."""

    def token_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)


class SeededEntropy:
    """`ports.Entropy` that a seed repeats: for the embedded simulator only, whose secrets open nothing."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)
