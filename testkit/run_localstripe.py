"""Runs localstripe with the one thing it lacks: a payment method that comes with the confirmation.

Boxoffice opens a PaymentIntent without one and confirms it with one, as Stripe's documentation allows; localstripe says
"Not implemented" to that. Everything else is localstripe's own.
"""

from localstripe import resources

CONFIRM = "/v1/payment_intents/{id}/confirm"
confirm_as_it_is = resources.PaymentIntent._api_confirm


def confirm(id, payment_method=None, **kwargs):
    intent = resources.PaymentIntent._api_retrieve(id)
    if payment_method is not None and intent.status == "requires_payment_method":
        resources.PaymentMethod._api_retrieve(payment_method)  # 404 if there is none
        intent.payment_method = payment_method
        intent.latest_charge = None
    return confirm_as_it_is(id, **kwargs)


resources.extra_apis[:] = [
    (method, path, confirm if path == CONFIRM else function) for method, path, function in resources.extra_apis
]

# It takes over what is in that list.
from localstripe import server  # noqa: E402

server.start()
