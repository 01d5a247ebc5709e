"""Where things are said on the community link: `mk/v1/<community>/<gateway>/…`."""

ROOT = "mk/v1"


def topic(community: str, gateway: str, leaf: str) -> str:
    """`leaf` is one of state, birth, record, health and renew, which the gateway says, and of
    receipt, credit, command and certificate, which the hub says to it.
    """
    return f"{ROOT}/{community}/{gateway}/{leaf}"


def policy(community: str) -> str:
    """Where the bridge keeps the policy in force, retained."""
    return f"{ROOT}/{community}/policy"


def keys(community: str) -> str:
    """Where the rotations of the bridge's key lie, retained."""
    return f"{ROOT}/{community}/keys"


def hub(community: str) -> str:
    """Whether the bridge is there: `online` or `offline`, retained, its last will."""
    return f"{ROOT}/{community}/hub"


def split(name: str) -> tuple[str, str, str] | None:
    """(community, gateway, leaf) of a topic on the community link, None for any other topic."""
    parts = name.split("/")
    if len(parts) != 5 or f"{parts[0]}/{parts[1]}" != ROOT:
        return None
    return parts[2], parts[3], parts[4]
