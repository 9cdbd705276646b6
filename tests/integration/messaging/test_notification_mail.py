"""Being told of new photos by mail, and leaving by a link."""

import re

from tests.support.event_builder import EventBuilder
from tests.support.notification_fixtures import (
    BASE,
    builder,
    call,
    hurry,
    jobs,
    later,
    path_of,
    want_mail,
    work,
)
from tests.support.smtp_server import Postbox, text_of

__all__ = ["builder", "hurry"]

HTML = {"Accept": "text/html", "Accept-Language": "en"}


async def test_a_mail_says_what_is_new_and_how_to_leave(
    builder: EventBuilder, box: Postbox
) -> None:
    await want_mail(builder, 1)
    await builder.upload(1)
    await builder.upload(1, 2)
    await work(builder)

    (mail,) = box.mails
    assert mail["To"] == "1@example.org"
    assert mail["Subject"] == "Gala · 2 new photos of you"
    assert f"{BASE}/gallery?event={builder.event_id}" in text_of(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = mail["List-Unsubscribe"].strip("<>")
    assert leave in text_of(mail)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text_of(mail, "html"))) == {
        leave,
        f"{BASE}/gallery?event={builder.event_id}",
    }


async def test_a_guest_whose_selfie_is_lost_to_a_reindex_is_asked_for_another(
    builder: EventBuilder, box: Postbox
) -> None:
    """Once, and only if they want mails; nobody is whose selfie is kept."""
    path = f"/api/admin/events/{builder.event_id}/reindex"
    await want_mail(builder, 1)
    await builder.call("POST", path, builder.app.admin)
    await work(builder)
    assert box.mails == []

    answer = await builder.call(
        "PATCH", path.removesuffix("/reindex"), builder.app.admin, json={"drop_selfies": True}
    )
    assert answer.status == 200
    await builder.call("POST", path, builder.app.admin)
    await work(builder)

    (mail,) = box.mails
    assert (mail["To"], mail["Subject"]) == ("1@example.org", "Gala · Another selfie, please")
    assert f"{BASE}/gallery?event={builder.event_id}" in text_of(mail)


async def leave_link(builder: EventBuilder, box: Postbox) -> str:
    await want_mail(builder, 1)
    await builder.upload(1)
    await work(builder)
    return str(box.mails[0]["List-Unsubscribe"]).strip("<>").removeprefix(BASE)


async def wants_mail(builder: EventBuilder) -> bool:
    answer = await call(builder, 1, "GET", path_of(builder, "notify"))
    return bool((await answer.json())["mail"])


async def test_one_click_ends_the_mails_without_signing_in(
    builder: EventBuilder, box: Postbox
) -> None:
    link = await leave_link(builder, box)
    answer = await builder.app.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200
    assert not await wants_mail(builder)

    await later(builder, minutes=60)
    await builder.upload(1)
    await work(builder)
    assert len(box.mails) == 1


async def test_looking_at_the_leaving_page_changes_nothing(
    builder: EventBuilder, box: Postbox
) -> None:
    link = await leave_link(builder, box)
    answer = await builder.app.client.get(link, headers=HTML)
    assert answer.status == 200
    assert "No more mails about this event" in await answer.text()
    assert await wants_mail(builder)


async def test_a_leaving_link_is_good_for_its_guest_alone(
    builder: EventBuilder, box: Postbox
) -> None:
    token = (await leave_link(builder, box)).rpartition("/")[2]
    # the first characters say whom it is for, the rest proves it
    for wrong in (token[:-2], "A" * len(token), "AAAAAAAAAAI" + token[11:], "%00", "é", "="):
        assert (await builder.app.client.post(f"/unsubscribe/{wrong}")).status == 404
    assert await wants_mail(builder)


async def test_who_left_before_the_mail_went_out_gets_none(
    builder: EventBuilder, box: Postbox
) -> None:
    await want_mail(builder, 1)
    box.answers["MAIL"] = "451 later"
    await builder.upload(1)
    await work(builder)
    assert await jobs(builder, "send_mail") == [("queued", True)]
    await want_mail(builder, 1, wanted=False)
    box.answers.clear()
    await work(builder)
    assert box.mails == []
    assert await jobs(builder, "send_mail") == [("done", False)]


async def test_an_address_that_nobody_confirmed_gets_no_news(
    builder: EventBuilder, box: Postbox
) -> None:
    """It may be mistyped, and somebody else's."""
    await want_mail(builder, 1)
    await builder.app.resources.pool.execute("update account set email_proven_at = null")
    await builder.upload(1)
    await work(builder)

    assert box.mails == []
    assert await jobs(builder, "send_mail") == []


async def test_an_admitted_guest_gets_a_mail_if_their_address_is_confirmed(
    builder: EventBuilder, box: Postbox
) -> None:
    await builder.set_columns(admission="approval")
    await builder.join(3)
    await builder.join(4)
    await builder.pool.execute(
        "update account set email_proven_at = case email when '3@example.org' then now() end"
    )
    box.mails.clear()
    await work(builder)
    box.mails.clear()
    path = f"/api/admin/events/{builder.event_id}"
    answer = await builder.call("PATCH", path, builder.app.admin, json={"admission": "open"})
    assert answer.status == 200
    await work(builder)

    (mail,) = box.mails
    assert (mail["To"], mail["Subject"]) == ("3@example.org", "Gala · You are in")
    assert f"{BASE}/gallery?event={builder.event_id}" in text_of(mail)
