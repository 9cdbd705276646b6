"""Sends one message to one address through the server that SMTP_URL names."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from findme.errors import DeliveryFailed, DeliveryRefused

log = logging.getLogger(__name__)

#: Timeout in seconds for each step of the SMTP dialogue.
TIMEOUT = 30.0
#: Characters per line; RFC 5322 allows 998.
MAX_LINE = 900
#: Reply codes from this one on are final (RFC 5321, 4.2.1).
PERMANENT = 500
_NO_ADDRESS = "This is no address that mail can be sent to."


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server of SMTP_URL.

    `smtp://` encrypts if the server offers it, `smtp+starttls://` requires it, and `smtps://` is
    encrypted from the first byte.
    """

    host: str
    port: int | None
    username: str | None
    password: str | None = field(repr=False)
    use_tls: bool
    #: None: if the server offers it.
    start_tls: bool | None

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """Read SMTP_URL; ValueError if it names no server."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError("no host")
        return cls(
            host=parts.hostname,
            port=parts.port,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            use_tls=parts.scheme == "smtps",
            start_tls={"smtps": False, "smtp+starttls": True}.get(parts.scheme),
        )


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, the same in plain text and in HTML."""

    to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str] = field(default_factory=dict)


def sender_of(smtp_url: str, mail_from: str | None) -> str:
    """Return the sender of mails: MAIL_FROM, else the URL's user, else findme@ its host."""
    if mail_from:
        return mail_from
    server = MailServer.from_url(smtp_url)
    if server.username and "@" in server.username:
        return server.username
    return f"{server.username or 'findme'}@{server.host}"


def compose(mail: Mail, sender: str) -> EmailMessage:
    """Return the message with its headers; a line break from a caller never gets into one."""
    # long addresses in List-Unsubscribe stay in one line
    message = EmailMessage(policy.SMTP.clone(max_line_length=MAX_LINE, cte_type="7bit"))
    name, address = parseaddr(sender)
    user, _, domain = address.rpartition("@")
    message["From"] = Address(name or "FindMe", user, domain)
    message["To"] = _address(mail.to)
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=domain)
    # asks auto-responders not to answer
    message["Auto-Submitted"] = "auto-generated"
    for header, value in mail.headers.items():
        message[header] = value
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _address(email: str) -> Address:
    user, _, domain = email.rpartition("@")
    try:
        # mail servers know a host name with non-ASCII letters by its IDNA form
        address = Address("", user, domain.encode("idna").decode("ascii"))
    except (ValueError, IndexError) as error:  # the registry's parser has both
        raise DeliveryRefused(_NO_ADDRESS) from error
    if not (user and domain and user.isascii() and user.isprintable()) or " " in user:
        raise DeliveryRefused(_NO_ADDRESS)
    return address


async def send(mail: Mail, *, smtp_url: str, sender: str) -> None:
    """Hand a message over; DeliveryRefused if that is final, DeliveryFailed if a retry may succeed.

    Neither contains the address: the texts of errors are kept with jobs and in logs.
    """
    server = MailServer.from_url(smtp_url)
    # as bytes: the client would fold long lines again
    message = compose(mail, sender).as_bytes()
    try:
        await aiosmtplib.send(
            message,
            sender=parseaddr(sender)[1],
            recipients=[_address(mail.to).addr_spec],
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.use_tls,
            start_tls=server.start_tls,
            timeout=TIMEOUT,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [refused.code for refused in error.recipients]
        raise _failure("refuses the recipient", max(codes)) from error
    except aiosmtplib.SMTPResponseException as error:
        # a wrong password is the operator's mistake, not the message's: a retry may succeed
        code = 0 if isinstance(error, aiosmtplib.SMTPAuthenticationError) else error.code
        raise _failure(f"answers {error.code}", code) from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise DeliveryFailed(
            f"The mail server cannot be used now ({type(error).__name__})."
        ) from error


def _failure(what: str, code: int) -> DeliveryFailed:
    log.warning("[Mail] The mail server %s (%d)", what, code)
    if code >= PERMANENT:
        return DeliveryRefused(f"The mail server {what} ({code}).")
    return DeliveryFailed(f"The mail server {what} for now ({code}).")
