"""The partners' HTTP API over real TLS: the same request is answered the same, nothing odd is believed, and its page tells the truth."""

import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from kiosk.hq import serving
from kiosk.hq.partners import api as door
from kiosk.hq.partners.accounts import change, rotate
from kiosk.hq.partners.api_document import DOCUMENT
from kiosk.hq.partners.pace import BUCKETS_MAX, Pace
from kiosk.hq.partners.till import Payment, Quote, Seen, Sold, Standing
from tests.codes.kit import CodeShop
from tests.house.tree import HOUSE
from tests.hq.partner_kit import BANK, CARD, NOW_MS, Office, a_place, an_office, client, payment, web  # noqa: F401 - fixtures
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.sale.shop import METER, Card
from tests.sync.wires import Authority, authority


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def http(office: Office, signed: Authority) -> Iterator[httpx.Client]:
    token = office.partner()
    with web(office, signed) as url, client(url, signed.ca, token) as made:
        yield made


def body(**changes: object) -> dict[str, object]:
    said: dict[str, object] = msgspec.to_builtins(replace(payment(), **changes))
    return {name: value for name, value in said.items() if value != ""}


def order(http: httpx.Client, key: str, **changes: object) -> httpx.Response:
    return http.post("/v1/orders", json=body(**changes), headers={"Idempotency-Key": key})


def test_a_bank_looks_a_card_up_asks_the_price_pays_and_its_customer_collects(http: httpx.Client) -> None:
    seen = msgspec.json.decode(http.get("/v1/card", params={"meter": METER}).content, type=Seen)
    assert (seen.card, seen.waiting) == ("..7788", 0)
    quote = msgspec.json.decode(http.post("/v1/quotes", json=body()).content, type=Quote)
    answer = order(http, "k1")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    sold = msgspec.json.decode(answer.content, type=Sold)
    assert sold.purchase == quote.purchase
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(sold.code)
    assert shop.view.phase == "done"
    for asked in (f"/v1/orders/{sold.order}", f"/v1/orders/{sold.order.lower()}", "/v1/orders?reference=r1"):
        stands = msgspec.json.decode(http.get(asked).content, type=Standing)
        assert (stands.order, stands.state) == (sold.order, "made")
    assert sold.code not in http.get(f"/v1/orders/{sold.order}").text


def test_the_same_key_and_body_are_answered_the_same_byte_for_byte(http: httpx.Client, office: Office) -> None:
    first = order(http, "k1")
    order(http, "k2", reference="r2")
    office.now_ms += 86_400_000
    again = http.post("/v1/orders", content=json.dumps(body(), indent=2), headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = order(http, "k1", amount_minor=1_00)
    assert (other.status_code, other.json()["why"]) == (422, "key")
    refused = [order(http, "k3", amount_minor=500_01) for _ in range(2)]
    assert refused[0].status_code == 422
    assert refused[0].content == refused[1].content
    assert office.stands().balance_minor == 800_00


def test_the_same_request_ten_times_at_once_is_one_order_and_one_answer(http: httpx.Client, office: Office) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: order(http, "k1"), range(10)))
    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"amount_minor": 500_01}, 422, "order_max"),
        ({"card": "00" * 8}, 422, "card"),
        ({"purchase": "1-4"}, 422, "purchase"),
        ({"currency": "EUR"}, 422, "currency"),
        ({"reference": "x" * 65}, 422, "reference"),
    ],
)
def test_a_refusal_has_a_word_for_programs_and_a_sentence_for_people(
    http: httpx.Client, changes: dict[str, object], status: int, why: str
) -> None:
    answer = order(http, "k1", **changes)
    assert (answer.status_code, answer.json()["why"]) == (status, why)
    assert answer.json()["sentence"].endswith(".")


def test_what_is_spent_what_is_held_and_what_was_given_each_has_its_number(http: httpx.Client, office: Office) -> None:
    office.away = True
    assert order(http, "k1").status_code == 503
    name = http.get("/v1/orders", params={"reference": "r1"}).json()["order"]
    cancelled = http.post(f"/v1/orders/{name}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    office.away = False
    sold = order(http, "k2", reference="r2").json()
    assert http.post(f"/v1/orders/{sold['order']}/cancel").status_code == 409
    assert order(http, "k1").status_code == 409
    change(office.store, "bank", day_max_minor=5000_00)
    assert [order(http, f"m{n}", reference=f"m{n}", amount_minor=400_00).status_code for n in range(3)] == [201, 201, 402]


@pytest.mark.parametrize("token", ["", "bank", "bank.wrong", "nobody.wrong", "bank.\xff", "x" * 5000])
def test_nobody_gets_in_without_a_partners_token(http: httpx.Client, token: str) -> None:
    http.headers.pop("authorization")
    headers = [(b"Authorization", f"Bearer {token}".strip().encode("latin-1"))]
    for asked in ("/v1/card?card=1", "/v1/orders/ABCDEFGHJK", "/v1/settlements/20261103.csv"):
        answer = http.get(asked, headers=headers)
        assert (answer.status_code, answer.json()["why"]) == (401, "token")
    assert http.post("/v1/orders", json=body(), headers=headers).status_code == 401
    assert http.get("/v1/health").status_code == 200


def test_a_token_that_was_rotated_out_or_a_partner_that_was_closed_orders_nothing(http: httpx.Client, office: Office) -> None:
    newer = rotate(office.store, "bank", NOW_MS, overlap_ms=0)
    assert order(http, "k1").status_code == 401
    http.headers["authorization"] = f"bearer {newer}"
    assert order(http, "k1").status_code == 201
    change(office.store, "bank", state="closed")
    assert order(http, "k1").status_code == 401


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 8000, b'{"amount_minor":1e999}', b'{"amount_minor":"1"}',
        json.dumps(body() | {"amount_minor": 1.5}).encode(), json.dumps(body() | {"more": 1}).encode(),
        json.dumps({name: value for name, value in body().items() if name != "purchase"}).encode(),
        json.dumps(body()).replace('"r1"', '"\\ud800"').encode(),
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused_before_anything_is_looked_up(http: httpx.Client, office: Office, content: bytes) -> None:
    for path in ("/v1/orders", "/v1/quotes"):
        answer = http.post(path, content=content, headers={"Idempotency-Key": "k1"})
        assert (answer.status_code, answer.json()["why"]) == (400, "form")
    assert office.states() == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders/%00", "/v1/orders/..%2f..%2fetc", "/v1/orders/" + "A" * 5000, "/v1/orders?reference=%00", "/v1/orders", "/v1/nothing",
        "/v1/settlements/..%2f..%2foffice.json", "/v1/settlements/20261103.csv.sig", "/v1/settlements/%00", "/",
    ],
)  # fmt: skip
def test_an_odd_address_leads_nowhere(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.json()["why"]) == (404, "order")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.covers("field-122")
def test_a_body_that_is_too_long_is_not_read(http: httpx.Client, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(9):
            yield b" " * 1024

    whole = json.dumps(body()).encode()
    fits = http.post("/v1/quotes", content=whole + b" " * (door.BODY_MAX - len(whole)))
    assert fits.status_code == 200
    content = pieces() if chunked else b" " * (door.BODY_MAX + 1)
    assert http.post("/v1/quotes", content=content).status_code == 413


def test_who_says_nothing_or_a_letter_now_and_then_is_hung_up_on(
    office: Office, signed: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEADERS_S", 0.5)
    monkeypatch.setattr(door, "BODY_S", 0.5)
    token = office.partner()
    tls = ssl.create_default_context(cafile=str(signed.ca))
    with web(office, signed) as url:
        head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 400\r\n\r\n{{".encode()
        for said in (b"", b"POST /v1/orders HT", head):
            with tls.wrap_socket(
                socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10), server_hostname="127.0.0.1"
            ) as raw:
                raw.sendall(said) if said else None
                got = raw.recv(4096)
                assert got == b"" or b" 400 " in got
        with client(url, signed.ca, token) as http:
            assert order(http, "k1").status_code == 201


def test_a_partner_that_asks_too_often_waits_and_no_other_does(office: Office, signed: Authority) -> None:
    office.pace = Pace(0.1, 3)
    one, two = office.partner(), office.partner(replace(BANK, name="two", acquirer=""))
    with web(office, signed) as url, client(url, signed.ca, one) as hasty, client(url, signed.ca, two) as calm:
        said = [hasty.get("/v1/card", params={"card": CARD}) for _ in range(4)]
        assert [each.status_code for each in said] == [200, 200, 200, 429]
        assert 1 <= int(said[-1].headers["retry-after"]) <= 10
        assert calm.get("/v1/card", params={"card": CARD}).status_code == 200


@pytest.mark.covers("field-123")
def test_the_pace_is_so_many_at_once_and_so_many_a_second_whatever_the_clock_does() -> None:
    pace = Pace(2.0, 3)
    assert [pace.wait_s("a", 100.0) for _ in range(4)] == [0, 0, 0, 1]
    assert pace.wait_s("a", 50.0) == 1
    assert [pace.wait_s("a", 101.0) for _ in range(3)] == [0, 0, 1]
    assert [pace.wait_s("a", 1e9) for _ in range(4)] == [0, 0, 0, 1]
    for number in range(BUCKETS_MAX + 5):
        pace.wait_s(str(number), 1e9)
    assert len(pace._held) <= BUCKETS_MAX


def test_an_office_that_cannot_says_so_and_nothing_of_the_reason(
    http: httpx.Client, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.hq.cards.registry import RegistryError  # noqa: PLC0415

    def broken(_card: str) -> None:
        raise RegistryError("The registry /srv/office/registry.db cannot be used: disk I/O error.")

    monkeypatch.setattr(office.registry, "of_card", broken)
    answer = order(http, "k1")
    assert (answer.status_code, answer.json()["why"]) == (503, "office")
    assert "srv" not in answer.text
    monkeypatch.undo()
    assert order(http, "k1").status_code == 201


# ---------------------------------------------------------------- the page


def test_the_page_in_docs_is_the_document_that_is_served(http: httpx.Client) -> None:
    said = http.get("/v1/openapi.json").json()
    assert said == json.loads((HOUSE / "docs/openapi.json").read_text()) == json.loads(json.dumps(DOCUMENT))


def test_every_address_of_the_document_is_there_and_no_other(office: Office) -> None:
    app = door.api(door.Doors(office.store, office.till, office.settlements, pace=office.pace, now_ms=lambda: NOW_MS))
    routed = {(route.path, method.lower()) for route in app.routes for method in route.methods if method != "HEAD"}  # type: ignore[attr-defined]
    assert routed == {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_every_number_that_is_answered_stands_in_the_document() -> None:
    told = {int(number) for methods in DOCUMENT["paths"].values() for asks in methods.values() for number in asks["responses"]}
    assert set(door.STATUS.values()) | {422} == told - {200, 201}
    assert set(DOCUMENT["components"]["schemas"]["Sold"]["required"]) == set(Sold.__struct_fields__)
    assert set(DOCUMENT["components"]["schemas"]["Payment"]["properties"]) == set(Payment.__struct_fields__)
