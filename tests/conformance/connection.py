"""One connection to the stream, in raw texts; data that comes before an answer waits to be read."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.conformance.answers import Card

PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame of data as it came, and its records in clear."""

    encrypted: str
    tr_id: str
    count: str
    records: list[list[str]]


class Stream:
    """One connection: what is registered with which key, and what has come and was not yet read."""

    def __init__(self, socket: ClientConnection, approval: str, card: Card, *, real: bool) -> None:
        self.socket = socket
        self.approval = approval
        self.keys: dict[str, tuple[str, str]] = {}
        self.notice_tr = "H0STCNI0" if real else "H0STCNI9"
        self._card = card
        self._waiting: list[str] = []

    async def send(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> None:
        head = {"approval_key": self.approval, "custtype": "P", "tr_type": tr_type, "content-type": "utf-8"}
        asked = {"header": head | header, "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}}}
        await self.socket.send(json.dumps(asked))

    async def register(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> Any:
        """Send a registration and return its answer; data that comes before it waits."""
        await self.send(tr_id, tr_key, tr_type, **header)
        return await self.answer()

    async def answer(self) -> Any:
        """Return the next answer to a registration."""
        while True:
            text = await self._receive()
            if text[0] in "01" and "|" in text:
                self._waiting.append(text)
                continue
            found = json.loads(text)
            if found["header"]["tr_id"] == "PINGPONG":
                continue
            output = found["body"].get("output")
            if output:
                self.keys[found["header"]["tr_id"]] = output["key"], output["iv"]
            return found

    async def code(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> str:
        return str((await self.register(tr_id, tr_key, tr_type, **header))["body"]["msg_cd"])

    async def notices(self) -> None:
        """Register the account's notices."""
        assert await self.code(self.notice_tr, self._card.hts_id) == "OPSP0000"

    async def text(self) -> str:
        """Return the next text of any kind."""
        return self._waiting.pop(0) if self._waiting else await self._receive()

    async def raw(self) -> str:
        """Return the next frame of data as it came."""
        while True:
            text = await self.text()
            if text[0] in "01" and "|" in text:
                return text

    async def frame(self) -> Frame:
        """Return the next frame of data, in clear."""
        encrypted, tr_id, count, payload = (await self.raw()).split("|", 3)
        plain = decrypted(payload, *self.keys[tr_id]) if encrypted == "1" else payload
        fields = plain.split("^")
        width = len(fields) // int(count)
        assert width * int(count) == len(fields), (count, len(fields))
        records = [fields[place : place + width] for place in range(0, len(fields), width)]
        return Frame(encrypted=encrypted, tr_id=tr_id, count=count, records=records)

    async def record(self) -> list[str]:
        """Return the first record of the next frame."""
        return (await self.frame()).records[0]

    async def drained(self) -> list[str]:
        """Return everything that has come up to now and was not read."""
        await self.socket.send("?")
        found: list[str] = []
        while True:
            text = await self.text()
            if "OPSP9999" in text:
                return found
            found.append(text)

    async def is_closed(self, within_s: float = PATIENCE_S) -> bool:
        """Tell whether the server ends the connection in that time."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    await self.socket.recv()
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False

    async def _receive(self) -> str:
        async with asyncio.timeout(PATIENCE_S * 60):
            return str(await self.socket.recv())


def decrypted(payload: str, key: str, iv: str) -> str:
    """AES-256-CBC, PKCS#7, base64; key and iv are the bytes of their texts."""
    decryptor = Cipher(algorithms.AES256(key.encode()), modes.CBC(iv.encode())).decryptor()
    padded = decryptor.update(base64.b64decode(payload)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
