"""Who somebody is, as an identity provider tells it."""

from infra.identity.base import Begun, Identity, IdentityProvider, NotVouched

__all__ = ["Begun", "Identity", "IdentityProvider", "NotVouched"]
