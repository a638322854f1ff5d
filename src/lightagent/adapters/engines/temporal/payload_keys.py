"""Keys by which payloads are encrypted, and what ties a payload to the tenant whose run it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.keys import current_key, derived, packed, root_key


@dataclass(frozen=True, slots=True)
class PayloadKeys:
    """The keys of one engine; see `payload_keys`."""

    current: str
    roots: Mapping[str, bytes] = field(repr=False)
    tenants: Mapping[str, str] = field(default_factory=dict)

    def key_id(self, tenant: str) -> str:
        """The id of the key that encrypts for a tenant from now on."""
        return self.tenants.get(tenant, self.current)

    def print_of(self, name: str) -> str:
        """A short text that differs for different secrets of that id, and reveals nothing else about them."""
        return derived(self.roots[name], "print").hex()[:8]

    def key(self, name: str, tenant: str) -> bytes:
        """The key of 32 bytes for the payloads of one tenant."""
        return derived(self.roots[name], "tenant", tenant)

    def print_key(self, name: str, tenant: str) -> bytes:
        """The key of 32 bytes for the names of payloads of one tenant that are kept outside of the server."""
        return derived(self.roots[name], "name", tenant)

    def place(self, name: str, tenant: str) -> bytes:
        """What is authenticated with every payload of a tenant."""
        return packed("payload", name, tenant)


def payload_keys(
    secrets: Mapping[str, str], current: str = "", tenants: Mapping[str, str] | None = None
) -> PayloadKeys:
    """Derive the keys of an engine.

    Args:
        secrets: by key id; each at least 32 bytes of random text. What was encrypted with any of them is read.
        current: the id of the key that encrypts from now on; may be left out where there is one key.
        tenants: the id of the key that encrypts for a tenant instead, for those that have a key of their own.

    Raises:
        ConfigurationError: the current key is missing, an id has other characters than `A-Za-z0-9_-`, a secret is too
            short, or the key of a tenant is not among them.
    """
    current = current_key("payload", secrets, current)
    for tenant, name in (tenants or {}).items():
        if name not in secrets:
            raise ConfigurationError(
                f"The payload key {name!r:.50} of the tenant {tenant!r:.100} is not among the keys.",
                guidance="Add it to the keys, or give the tenant another.",
            )
    roots = {name: root_key(secret, "payload", name) for name, secret in secrets.items()}
    return PayloadKeys(current, roots, dict(tenants or {}))
