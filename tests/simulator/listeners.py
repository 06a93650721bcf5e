"""A bare client of the stream: what it registers, what it is told, and notices in clear."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from websockets.asyncio.client import ClientConnection, connect

from tests.simulator.conftest import Client


class Listener:
    """One connection of a client and the keys it was given."""

    def __init__(self, socket: ClientConnection, approval_key: str) -> None:
        self.socket = socket
        self.approval_key = approval_key
        self.key = self.iv = ""

    async def send(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> None:
        head = {"approval_key": self.approval_key, "custtype": "P", "tr_type": tr_type, "content-type": "utf-8"}
        request = {"header": head | header, "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}}}
        await self.socket.send(json.dumps(request))

    async def ask(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> Any:
        await self.send(tr_id, tr_key, tr_type, **header)
        while "PINGPONG" in (text := str(await self.socket.recv())):
            await self.socket.send(text)
        answer = json.loads(text)
        output = answer["body"].get("output", {})
        self.key, self.iv = output.get("key", self.key), output.get("iv", self.iv)
        return answer

    async def code(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: str) -> str:
        return str((await self.ask(tr_id, tr_key, tr_type, **header))["body"]["msg_cd"])

    async def text(self) -> str:
        async with asyncio.timeout(2):
            return str(await self.socket.recv())

    async def notice(self) -> list[str]:
        """Return the fields of the next notice."""
        return self.clear(await self.text())

    def clear(self, frame: str) -> list[str]:
        """Return the fields of an encrypted frame."""
        enc, _, count, payload = frame.split("|", 3)
        assert (enc, count) == ("1", "001"), frame
        return decrypted(payload, self.key, self.iv).split("^")

    async def silence(self) -> None:
        """Assert that nothing more was sent: the answer to a question that means nothing is the next text."""
        await self.socket.send("?")
        assert "OPSP9999" in await self.text()


@asynccontextmanager
async def listening(client: Client, approval_key: str = "", path: str = "/tryitout") -> AsyncIterator[Listener]:
    key = approval_key or await client.approval()
    url = client.sim.ws_url.removesuffix("/tryitout") + path
    async with connect(url, compression=None, ping_interval=None, close_timeout=0.2) as socket:
        yield Listener(socket, key)


def decrypted(payload: str, key: str, iv: str) -> str:
    decryptor = Cipher(algorithms.AES256(key.encode()), modes.CBC(iv.encode())).decryptor()
    padded = decryptor.update(base64.b64decode(payload)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
