"""Where to listen, as it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def addresses_of(text: str) -> tuple[Address, ...]:
    """Return the addresses written as `host:port,host:port`, none for `off`; `ValueError` for anything else."""
    if text.strip().lower() == "off":
        return ()
    found: list[Address] = []
    for part in text.split(","):
        host, colon, port = part.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65_535:
            raise ValueError(part.strip())
        found.append(Address(host=host, port=int(port)))
    return tuple(dict.fromkeys(found))
