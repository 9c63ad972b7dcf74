"""The demo's bank: a partner of the head office that takes a customer's money and has the API make an order of it."""

import ssl
from pathlib import Path

import httpx

from kiosk.demo.site import DemoError

ANSWER_S = 20.0


class Bank:
    """Over real HTTPS. `ca`: the authority of the office's door; `token`: NAME.SECRET, as the office gave it out."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # on every Python as on those that do it by themselves
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, verify=context, headers=headers, timeout=ANSWER_S, trust_env=False)
        self.orders: list[str] = []  # names, as the office gave them
        self.taken: dict[str, list[int]] = {}  # its own book: what was paid, by card

    def close(self) -> None:
        """No more today."""
        self._client.close()

    def pays(self, card: str, amount_minor: int, purchase_no: str) -> str:
        """Somebody pays for the card of that serial; the twenty digits of the code. `purchase_no` as it stands on the last receipt.

        DemoError with the office's own sentence where it makes no order.
        """
        payment = f"{card}/{purchase_no}/{len(self.orders)}"
        asked = {"card": card, "amount_minor": amount_minor, "currency": "CNY", "purchase": purchase_no, "reference": payment}
        said = self._said(self._client.post("/v1/orders", json=asked, headers={"Idempotency-Key": payment}))
        self.orders.append(said["order"])
        self.taken.setdefault(card, []).append(amount_minor)
        return said["code"]

    def stands(self, order: str) -> tuple[str, str]:
        """An order's state, and the kiosk that took its code, "" before one did. DemoError."""
        said = self._said(self._client.get(f"/v1/orders/{order}"))
        return said["state"], said["kiosk"]

    def _said(self, answer: httpx.Response) -> dict[str, str]:
        said: dict[str, str] = answer.json()
        if answer.is_success:
            return said
        raise DemoError(f"The office makes no order for the bank. {said.get('sentence', '')}")
