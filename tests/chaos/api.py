"""Requests that schemathesis makes from the API's description, sent to a running service.

Half of them have what the description asks for, half have not. Ids are those of an event with a
bit of everything; the calls that would end it, or its caller, have something of their own to end.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks

from findme.web import routes
from findme.web.openapi.document import Document
from tests.support.pictures import drawn
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service

#: Seconds for an answer.
ANSWER_SECONDS = 60.0
#: Calls without an end, and calls that would change the service for all that follow.
LEFT_OUT = re.compile(r"/stream$|/queue/(pause|resume)$|^PATCH /api/admin/queue$")
#: Calls that end their caller's session.
ENDING = re.compile(r"logout|^DELETE /api/me|^PUT /api/me/(password|credentials)|^POST /api/me/key")
#: Requests of each kind to those: newcomers are counted, and each needs one.
MOST_ENDINGS = 20
#: Calls whose caller is a guest, and those whose caller is an upload token.
OF_GUESTS = re.compile(r" /api/(me|my-|all-|photos?/|image/|push)")
OF_TOKENS = re.compile(r" /api/upload-token")
#: The description says of what kind a value is, and not how long a name may be, or which ids there
#: are: a call may be refused although it keeps to the description.
UNBOUND = ("positive_data_acceptance",)
#: Signing out with a session that has ended already is no mistake.
STALE = {"POST /api/auth/logout": ("ignored_auth",)}


@dataclass
class Api:
    """A service with an event to ask about."""

    url: str
    admin: Mapping[str, str]
    token: Mapping[str, str]
    event: Mapping[str, Any]
    photo: Mapping[str, Any]
    token_id: str

    @classmethod
    def open(cls, service: Service) -> "Api":
        """Sign in, and make an event with a photo, a photographer and a wall."""
        url = service.url
        login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        admin = _bearer(_ask("POST", f"{url}/api/auth/login", json=login))
        options = {"name": "Gala", "browse": True, "accounts": "optional", "wall": True}
        event = _ask("POST", f"{url}/api/admin/events", json=options, headers=admin)
        tokens = f"{url}/api/admin/events/{event['id']}/tokens"
        made = _ask("POST", tokens, json={"label": "Zoe"}, headers=admin)
        sent = _ask(
            "POST",
            f"{url}/api/events/{event['id']}/photos?filename=a.jpg",
            data=drawn(1),
            headers={**admin, "Content-Type": "image/jpeg"},
        )
        return cls(url, admin, _bearer(made), event, sent["results"][0], made["id"])

    def guest(self) -> dict[str, str]:
        """Return the header of a new guest, who came without a selfie."""
        path = f"{self.url}/api/events/{self.event['code']}/browse"
        return _bearer(_ask("POST", path, json={}))

    def ids_of(self, path: str) -> dict[str, str]:
        """Return what stands for the names in a path; those that are left out are made up."""
        known = {
            "event_id": self.event["id"],
            "code": self.event["code"],
            "photo_id": self.photo["photo_id"],
            "job_id": self.photo["job_id"],
            "token_id": self.token_id,
            "token": str(self.event["wall_url"]).rpartition("/")[2],
            "sha256": "00" * 32,
        }
        if "/events/{id}" in path:
            known["id"] = self.event["id"]
        elif re.search(r"/(photos?|image)/{id}", path):
            known["id"] = self.photo["photo_id"]
        elif "/jobs/{id}" in path:
            known["id"] = self.photo["job_id"]
        return {name: known[name] for name in re.findall(r"{(\w+)}", path) if name in known}

    def examine(self, operation: Any, *, examples: int, number: int) -> list[str]:
        """Send *examples* requests of each kind to an operation; return what is wrong."""
        label: str = operation.label
        if LEFT_OUT.search(label):
            return []
        wrong: list[str] = []
        left_out = UNBOUND + STALE.get(label, ())
        callers = [self.admin]
        if OF_GUESTS.search(label):
            callers = [self.guest()]
        if OF_TOKENS.search(label):
            callers = [self.token]
        if ENDING.search(label):
            examples = min(examples, MOST_ENDINGS)
        if label == "DELETE /api/admin/events/{id}":
            own = _ask(
                "POST", f"{self.url}/api/admin/events", json={"name": "x"}, headers=self.admin
            )
            ids = {"id": own["id"]}
        else:
            ids = {} if label.startswith("DELETE /api/admin") else self.ids_of(operation.path)

        def check(case: Any) -> None:
            headers = self.guest() if ENDING.search(label) else callers[0]
            answer = case.call(base_url=self.url, headers=headers, timeout=ANSWER_SECONDS)
            try:
                case.validate_response(answer, headers=headers, excluded_checks=_checks(left_out))
            except (Exception, BaseExceptionGroup) as failure:  # noqa: BLE001 - one, or a group
                found = getattr(failure, "exceptions", [failure])
                wrong.extend(f"{label}: {each} {case.as_curl_command()}" for each in found)

        for mode in schemathesis.GenerationMode:
            strategy = operation.as_strategy(mode, path_parameters=ids or None)
            run = settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(seed(number)(given(case=strategy)(check)))
            try:
                run()
            except Unsatisfiable:  # nothing contradicts a description that asks for nothing
                continue
        return wrong[:3]


def operations() -> list[Any]:
    """Return every operation of the API, those that delete something at the end."""
    schema = schemathesis.openapi.from_dict(Document(routes.calls_of(routes.all_routes())).schema)
    results: list[Any] = list(schema.get_all_operations())
    found = [result.ok() for result in results]
    return sorted(found, key=lambda operation: operation.label.startswith("DELETE"))


def _checks(names: Collection[str]) -> list[Any]:
    load_all_checks()
    return [check for check in CHECKS.get_all() if check.__name__ in names]


def _ask(method: str, url: str, **options: Any) -> Any:
    answer = requests.request(method, url, timeout=ANSWER_SECONDS, **options)
    assert answer.ok, answer.text
    return answer.json()


def _bearer(answer: Mapping[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['token']}"}
