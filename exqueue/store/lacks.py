"""Whether our user may send all that the steps of a role can come to."""

from __future__ import annotations

from typing import Final

from exqueue.model.errors import StoreError, StoreUnavailable
from exqueue.store.channel import Channel
from exqueue.store.keys import queue_keys
from exqueue.store.roles import Role, commands_of, rights_of
from exqueue.store.scripts import script

# Without arguments enough, Redis would not know whether a command names a key.
_ASK: Final = """
local lacks = {}
for _, command in ipairs(ARGV) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, KEYS[1], KEYS[1], KEYS[1]) then lacks[#lacks + 1] = command end
end
return lacks
"""


def lacks_in_steps(channel: Channel, namespace: str, role: Role) -> tuple[str, ...]:
    """The commands of its steps that our user may not send, as far as it may ask: such a step would stop halfway."""
    called = sorted({command for name in rights_of(role).steps for command in commands_of(script(name))})
    try:
        found = channel.ask([("EVAL", _ASK, 1, queue_keys(namespace, "-")["jobs"], *called)])[0]
    except StoreUnavailable:
        raise
    except StoreError:  # it may run no scripts but ours: then one that needs more is refused as a whole
        return ()
    return tuple(name.decode() for name in found)
