"""Being told of new photos by mail, and leaving by a link."""

import re

from tests.support.notification_fixtures import (
    BASE,
    call,
    crowd,
    hurry,
    jobs,
    later,
    path_of,
    want_mail,
    work,
)
from tests.support.scripted_guests import Crowd
from tests.support.smtp_server import Postbox, text_of

__all__ = ["crowd", "hurry"]

HTML = {"Accept": "text/html", "Accept-Language": "en"}


async def test_a_mail_says_what_is_new_and_how_to_leave(crowd: Crowd, box: Postbox) -> None:
    await want_mail(crowd, 1)
    await crowd.upload(1)
    await crowd.upload(1, 2)
    await work(crowd)

    (mail,) = box.mails
    assert mail["To"] == "1@example.org"
    assert mail["Subject"] == "Gala · 2 new photos of you"
    assert f"{BASE}/gallery?event={crowd.event_id}" in text_of(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = mail["List-Unsubscribe"].strip("<>")
    assert leave in text_of(mail)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text_of(mail, "html"))) == {
        leave,
        f"{BASE}/gallery?event={crowd.event_id}",
    }


async def leave_link(crowd: Crowd, box: Postbox) -> str:
    await want_mail(crowd, 1)
    await crowd.upload(1)
    await work(crowd)
    return str(box.mails[0]["List-Unsubscribe"]).strip("<>").removeprefix(BASE)


async def wants_mail(crowd: Crowd) -> bool:
    answer = await call(crowd, 1, "GET", path_of(crowd, "notify"))
    return bool((await answer.json())["mail"])


async def test_one_click_ends_the_mails_without_signing_in(crowd: Crowd, box: Postbox) -> None:
    link = await leave_link(crowd, box)
    answer = await crowd.app.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200
    assert not await wants_mail(crowd)

    await later(crowd, minutes=60)
    await crowd.upload(1)
    await work(crowd)
    assert len(box.mails) == 1


async def test_looking_at_the_leaving_page_changes_nothing(crowd: Crowd, box: Postbox) -> None:
    link = await leave_link(crowd, box)
    answer = await crowd.app.client.get(link, headers=HTML)
    assert answer.status == 200
    assert "No more mails about this event" in await answer.text()
    assert await wants_mail(crowd)


async def test_a_leaving_link_is_good_for_its_guest_alone(crowd: Crowd, box: Postbox) -> None:
    token = (await leave_link(crowd, box)).rpartition("/")[2]
    # the first characters say whom it is for, the rest proves it
    for wrong in (token[:-2], "A" * len(token), "AAAAAAAAAAI" + token[11:], "%00", "é", "="):
        assert (await crowd.app.client.post(f"/unsubscribe/{wrong}")).status == 404
    assert await wants_mail(crowd)


async def test_who_left_before_the_mail_went_out_gets_none(crowd: Crowd, box: Postbox) -> None:
    await want_mail(crowd, 1)
    box.answers["MAIL"] = "451 later"
    await crowd.upload(1)
    await work(crowd)
    assert await jobs(crowd, "send_mail") == [("queued", True)]
    await want_mail(crowd, 1, wanted=False)
    box.answers.clear()
    await work(crowd)
    assert box.mails == []
    assert await jobs(crowd, "send_mail") == [("done", False)]
