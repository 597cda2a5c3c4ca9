"""Seeds that have failed once, and what they found. A seed means something else once the simulation itself is changed: what
it found has a test of its own, too.
"""

from __future__ import annotations

from typing import Final

KEPT: Final = {
    2: "a bell in the list of a closed slot was never rung again, and the slot never forgotten",
    2605: "the simulation took a bell that came to a process just killed, and that the next sweep takes out, for a job",
    6131: "a runner that had begun on a host just now was no neighbour yet, so that another host gave away what was frozen there, to it",
    782: "the simulation did not wait for the care that comes after one that was refused, and found empty slots of the dead",
    20548: "a runner woke at the moment of its fence, by one sum, and found by another that it was not yet there",
    355: "a step of the server's clock made a closed slot be forgotten while a client of it could still block",
}
