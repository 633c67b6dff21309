"""How the delivery of one message can fail."""

from __future__ import annotations


class DeliveryFailed(Exception):
    """The service does not take the message now, and may later."""

    def __init__(self, message: str, *, wait_s: float = 0.0) -> None:
        """``wait_s``: how long the service asks to wait; 0: it does not say."""
        super().__init__(message)
        self.wait_s = wait_s


class Refused(Exception):
    """The service will never take this message; others it may."""
