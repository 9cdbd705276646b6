"""A small SMTP server: it keeps what it is given, and refuses when told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Postbox:
    """What arrived, and how to answer: each command's answer can be replaced (`RCPT`, `DATA`)."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    #: Command -> the answer in place of the usual one: 4xx for now, 5xx for good.
    answers: dict[str, str] = field(default_factory=dict)
    #: Who said they were the sender and the recipient, of each mail.
    envelopes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        sender = recipient = ""
        try:
            await say("220 postbox")
            while line := (await reader.readline()).decode().strip():
                command = line[:4].upper()
                refusal = self.answers.get(command)
                if command == "QUIT":
                    await say("221 bye")
                    return
                if refusal is not None:
                    await say(refusal)
                elif command == "DATA":
                    await say("354 go on")
                    body = await reader.readuntil(b"\r\n.\r\n")
                    self._keep(sender, recipient, body)
                    await say("250 kept")
                else:
                    if command == "MAIL":
                        sender = _address(line)
                    if command == "RCPT":
                        recipient = _address(line)
                    await say("250 postbox")
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client has gone
        finally:
            writer.close()

    def _keep(self, sender: str, recipient: str, body: bytes) -> None:
        data = body.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        message = message_from_bytes(data, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.envelopes.append((sender, recipient))


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Return a mail's text, or with `html` its HTML."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@asynccontextmanager
async def postbox() -> AsyncIterator[Postbox]:
    """Run the server on a free port of loopback."""
    box = Postbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
