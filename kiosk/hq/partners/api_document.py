"""The partners' API in OpenAPI 3.1: schemas from the very types that requests are read with. docs/openapi.json is this."""

from typing import Any

import msgspec

from kiosk.hq.partners.till import Named, Payment, Quote, Seen, Sold, Standing


class Refused(msgspec.Struct, frozen=True):
    """What goes wrong. `why`: one word for a program; `sentence`: for whoever reads it."""

    why: str
    sentence: str


_FORMS, _COMPONENTS = msgspec.json.schema_components(
    (Named, Payment, Quote, Seen, Sold, Standing, Refused), ref_template="#/components/schemas/{name}"
)
_NAMED, _PAYMENT, _QUOTE, _SEEN, _SOLD, _STANDING, _REFUSED = _FORMS


def _json(form: dict[str, Any], says: str) -> dict[str, Any]:
    return {"description": says, "content": {"application/json": {"schema": form}}}


_FAULTS = {
    "400": "It cannot be read.",
    "401": "No partner's token.",
    "402": "What was paid in is spent.",
    "404": "There is no such thing of yours.",
    "409": "As things stand it cannot be done.",
    "413": "Too long.",
    "422": "It cannot be done; ask for something else.",
    "429": "You ask too often; Retry-After says when.",
    "503": "Not now; ask again under the same key.",
}
_KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 64}}
_ORDER = {"name": "order", "in": "path", "required": True, "schema": {"type": "string"}}


def _asks(says: str, status: str, answer: dict[str, Any], *faults: str, **more: Any) -> dict[str, Any]:
    answers = {status: answer} | {number: _json(_REFUSED, _FAULTS[number]) for number in ("401", *faults, "429", "503")}
    return {"summary": says, "responses": dict(sorted(answers.items())), **more}


def _query(*names: str, needed: bool = False) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "required": needed, "schema": {"type": "string"}} for name in names]


def _body(form: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": form}}}


_ANY: dict[str, Any] = {"application/octet-stream": {}}
_PATHS: dict[str, Any] = {
    "/v1/card": {
        "get": _asks(
            "Is this the customer's card?", "200", _json(_SEEN, "The card, masked."), "400", "422",
            parameters=_query("card", "meter", "customer"),
        )
    },
    "/v1/quotes": {
        "post": _asks(
            "What would an order be now? Nothing is written.", "200", _json(_QUOTE, "Just what ordering would say."),
            "400", "402", "409", "413", "422", requestBody=_body(_PAYMENT),
        )
    },
    "/v1/orders": {
        "post": _asks(
            "Order, and get the code. The same key and body are answered the same, byte for byte.", "201", _json(_SOLD, "The code."),
            "400", "402", "409", "413", "422", parameters=[_KEY], requestBody=_body(_PAYMENT),
        ),
        "get": _asks(
            "How does the order stand that you call so?", "200", _json(_STANDING, "The order."), "404",
            parameters=_query("reference", needed=True),
        ),
    },
    "/v1/orders/{order}": {"get": _asks("How does an order stand?", "200", _json(_STANDING, "The order."), "404", parameters=[_ORDER])},
    "/v1/orders/{order}/cancel": {
        "post": _asks(
            "Take back an order whose code has not left the office.", "200", _json(_STANDING, "It is cancelled."), "404", "409",
            parameters=[_ORDER],
        )
    },
    "/v1/settlements/{file}": {
        "get": _asks(
            "A day's settlement file, 20261103.csv, or its signature, 20261103.sig.", "200",
            {"description": "The file.", "content": _ANY}, "404",
            parameters=[{"name": "file", "in": "path", "required": True, "schema": {"type": "string"}}],
        )
    },
    "/v1/openapi.json": {"get": {"summary": "This document.", "security": [], "responses": {"200": {"description": "OpenAPI 3.1."}}}},
    "/v1/health": {"get": {"summary": "It answers.", "security": [], "responses": {"200": {"description": "ok"}}}},
}  # fmt: skip

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Recharge orders for partners", "version": "1"},
    "security": [{"token": []}],
    "paths": _PATHS,
    "components": {"schemas": _COMPONENTS, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
}
