"""Mails: where they go out, what they say, and that nobody writes their headers."""

import importlib.util

import jinja2
import pytest

from findme.errors import DeliveryRefused, StartError
from findme.messaging import mail_templates, smtp
from findme.messaging.smtp import Mail, MailServer
from findme.settings import Settings


def test_the_address_of_the_server_says_how_to_talk_to_it() -> None:
    plain = MailServer.from_url("smtp://mail.example.org")
    assert (plain.host, plain.port, plain.use_tls, plain.start_tls) == (
        "mail.example.org",
        None,
        False,
        None,
    )
    assert MailServer.from_url("smtp+starttls://mail.example.org:587").start_tls is True
    sealed = MailServer.from_url("smtps://me%40example.org:p%2Fw@mail.example.org:465")
    assert (sealed.username, sealed.password, sealed.port) == ("me@example.org", "p/w", 465)
    assert sealed.use_tls
    assert sealed.start_tls is False
    assert "p/w" not in repr(sealed)


@pytest.mark.parametrize(
    ("url", "given", "sender"),
    [
        ("smtp://mail.example.org", "A <a@b.org>", "A <a@b.org>"),
        ("smtp://me%40example.org:x@mail.example.org", None, "me@example.org"),
        ("smtp://apikey:x@mail.example.org", None, "apikey@mail.example.org"),
        ("smtp://mail.example.org", None, "findme@mail.example.org"),
    ],
)
def test_mail_comes_from_somebody(url: str, given: str | None, sender: str) -> None:
    assert smtp.sender_of(url, given) == sender


@pytest.mark.parametrize(
    "env",
    [
        {"SMTP_URL": "mail.example.org"},
        {"SMTP_URL": "smtp://"},
        {"SMTP_URL": "http://mail.example.org"},
        {"MAIL_FROM": "nobody"},
        {"MAIL_FROM": "A <a@b.org"},
        {"MAIL_FROM": "a@b.org>"},
        {"NOTIFY_MINUTES": "0"},
    ],
)
def test_a_malformed_setting_stops_the_start(env: dict[str, str]) -> None:
    with pytest.raises(StartError, match=next(iter(env))):
        Settings.from_env(env)


def test_a_subject_of_several_lines_is_one_line() -> None:
    """An event may be called anything."""
    message = smtp.compose(Mail("a@b.org", "Gala\r\nBcc: c@d.org", "t", "<p>t"), "x@y.org")
    assert message["Subject"] == "Gala Bcc: c@d.org"
    assert message["Bcc"] is None
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("to", ["a\r\nBcc: c@d.org@b.org", "a b@c.org", "@b.org", "a@", "é@b.org"])
def test_what_is_no_address_gets_no_mail(to: str) -> None:
    with pytest.raises(DeliveryRefused):
        smtp.compose(Mail(to, "s", "t", "<p>t"), "x@y.org")


@pytest.mark.parametrize("language", ["fr", "en", "xx", None])
@pytest.mark.parametrize("photos", [1, 3])
def test_every_letter_is_whole_in_every_language(language: str | None, photos: int) -> None:
    context: dict[str, object] = {
        "url": "https://x/reset/t",
        "minutes": 60,
        "event": "Léa & <Tom>",
        "photos": photos,
        "days": 7,
        "unsubscribe": "https://x/u",
    }
    for name in ("reset", "news", "key", "confirm", "farewell"):
        letter = mail_templates.write(name, language, context)
        assert letter.subject
        assert "https://x/reset/t" in letter.text
        assert 'href="https://x/reset/t"' in letter.html
        assert "<Tom>" not in letter.html
        assert "<img" not in letter.html
        assert "http://" not in letter.html
    assert mail_templates.write("news", language, context).subject.startswith("Léa & <Tom> · ")


def test_what_is_prepared_needs_no_reading_and_compiling_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def held(*_: object, **__: object) -> None:
        raise AssertionError("the event loop is held")

    # a module of its own, in which no other test has written a letter
    spec = importlib.util.find_spec(mail_templates.__name__)
    assert spec is not None
    assert spec.loader is not None
    started = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(started)
    started.prepare()
    monkeypatch.setattr(jinja2.Environment, "compile", held)

    context = {"url": "u", "minutes": 60, "event": "Gala", "photos": 2, "unsubscribe": "v"}
    for language in ("fr", "en"):
        for name in ("reset", "news", "key", "confirm"):
            assert started.write(name, language, context).html


def test_a_host_beyond_ascii_is_written_as_servers_know_it() -> None:
    message = smtp.compose(Mail("a@bücher.example", "s", "t", "<p>t"), "x@y.org")
    assert message["To"] == "a@xn--bcher-kva.example"


def test_french_is_what_an_unknown_reader_gets() -> None:
    letter = mail_templates.write("reset", None, {"url": "u", "minutes": 60})
    assert letter.subject == "Choisir un nouveau mot de passe"
    assert 'lang="fr"' in letter.html
