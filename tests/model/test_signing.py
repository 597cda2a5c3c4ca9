"""What was signed comes back only as it was, for the job it was made for; and no key shows."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from exqueue.model.envelope import Envelope
from exqueue.model.errors import ConfigError, ResultUnavailable, Untrusted
from exqueue.model.job import Header, Terms
from exqueue.model.settings import Settings
from exqueue.model.signing import NO_KEYS, Keys, is_signed, key_id, unproven

OLD, NEW = "an old key of thirty bytes or so", "å new key ☃ that is not ASCII"
KEYS = Keys.parse(OLD)
SIGNER = Envelope("ns", KEYS, 1000)
HEADER = Header("app:Add", 5, "1", "reference", "3.11", "3.1", 4, 7, 60.0, 0.5)
TERMS = Terms("customer-7", 3, True, "u", 0, True)
BODY = b"\x01\x80\xff\x00"
SEALED = SIGNER.close("q", "id-1", TERMS, HEADER, BODY)
OPEN: dict[str, Any] = {"queue": "q", "job_id": "id-1", "terms": TERMS, "header": HEADER, "sealed": SEALED}

BOUND: dict[str, dict[str, Any]] = {
    "queue": {"queue": "r"},
    "id": {"job_id": "id-2"},
    "ordering key": {"terms": replace(TERMS, key="customer-8")},
    "no ordering key": {"terms": Terms()},
    "worker": {"header": replace(HEADER, worker="app:Delete")},
    "by": {"header": replace(HEADER, by="value")},
    "python": {"header": replace(HEADER, python="3.12")},
    "cloudpickle": {"header": replace(HEADER, cloudpickle="3.2")},
    "enqueued at": {"header": replace(HEADER, at=6)},
    "timeout": {"header": replace(HEADER, timeout=61.0)},
    "no timeout": {"header": replace(HEADER, timeout=None)},
    "timeout for keep": {"header": replace(HEADER, timeout=0.5, keep=60.0)},
    "keep": {"header": replace(HEADER, keep=None)},
    "kind": {"sealed": SEALED.replace(BODY, b"\x02\x80\xff\x00")},
    "body": {"sealed": SEALED + b"\x00"},
    "text moved between fields": {"queue": "qi", "job_id": "d-1"},
}
FREE: dict[str, dict[str, Any]] = {
    "seq, args, size": {"header": replace(HEADER, seq=99, args="2", size=9)},
    "priority, uniqueness, expiry": {"terms": Terms("customer-7", 0, False, "", 9, False)},
}


def why(envelope: Envelope = SIGNER, **given: Any) -> str:
    """Why a body is refused."""
    with pytest.raises(Untrusted) as caught:
        envelope.open(**{**OPEN, **given})
    assert (caught.value.reason, "\n" in str(caught.value), OLD in str(caught.value)) == ("untrusted", False, False)
    return caught.value.why


def test_what_was_signed_comes_back() -> None:
    assert (is_signed(SEALED), is_signed(BODY), SIGNER.open(**OPEN), unproven(SEALED)) == (True, False, BODY, BODY)


@pytest.mark.parametrize("given", BOUND.values(), ids=BOUND)
def test_it_is_bound_to_its_job_and_to_all_of_the_header_that_is_acted_on(given: dict[str, Any]) -> None:
    assert why(**given) == "altered"


def test_it_is_bound_to_its_namespace() -> None:
    assert why(replace(SIGNER, namespace="other")) == "altered"


@pytest.mark.parametrize("given", FREE.values(), ids=FREE)
def test_what_redis_sets_or_only_lists_show_may_change(given: dict[str, Any]) -> None:
    assert SIGNER.open(**{**OPEN, **given}) == BODY


def test_a_header_that_was_in_redis_still_fits() -> None:
    stored = Header.decode(b'{"seq":12,' + HEADER.encode()[1:])
    assert SIGNER.open(**{**OPEN, "header": stored, "terms": Terms.decode(TERMS.encode().encode())}) == BODY


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_cut_off_anywhere_it_is_refused(length: int) -> None:
    assert why(sealed=SEALED[:length]) == ("unsigned" if length == 0 else "bad envelope" if length <= 37 else "altered")


def test_with_any_bit_flipped_it_is_refused() -> None:
    flipped = [bytes([*SEALED[:n], SEALED[n] ^ (1 << bit), *SEALED[n + 1 :]]) for n in range(len(SEALED)) for bit in range(8)]
    found = [why(sealed=body) for body in flipped]
    assert [found[start : start + 8].count(found[start]) for start in (0, 8, 40, 300)] == [8, 8, 8, 8]
    assert (found[0], found[8], found[40], found[300]) == ("unsigned", "unknown key", "altered", "altered")


@pytest.mark.parametrize(
    ("keys", "reason"),
    [(Keys.parse(NEW), "unknown key"), (NO_KEYS, "no keys"), (Keys([OLD.encode() + b"!"]), "unknown key")],
    ids=["another", "none", "a longer one"],
)
def test_without_its_key_it_is_refused(keys: Keys, reason: str) -> None:
    assert why(replace(SIGNER, keys=keys)) == reason


def test_with_keys_nothing_unsigned_is_opened_and_without_keys_nothing_else() -> None:
    assert (why(sealed=BODY), replace(SIGNER, keys=NO_KEYS).open(**{**OPEN, "sealed": BODY})) == ("unsigned", BODY)


def test_the_first_key_signs_and_all_verify() -> None:
    both = replace(SIGNER, keys=Keys.parse(f"{NEW} , {OLD},"))
    made = both.close("q", "id-1", TERMS, HEADER, BODY)
    assert (both.open(**OPEN), both.open(**{**OPEN, "sealed": made}), key_id(made)) == (BODY, BODY, both.keys.ids[0])
    assert (key_id(SEALED), why(sealed=made)) == (KEYS.ids[0], "unknown key")


def test_two_keys_of_one_id_are_both_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = Keys([b"the other of the two keys", OLD.encode()])
    object.__setattr__(twin, "ids", (KEYS.ids[0], KEYS.ids[0]))
    assert Envelope("ns", twin).open(**OPEN) == BODY


def test_the_name_of_anything_may_be_any_text() -> None:
    odd: dict[str, Any] = {"queue": "\ud800", "job_id": "\udcff☃", "header": replace(HEADER, worker="é\x00"), "terms": TERMS}
    sealed = SIGNER.close(*(odd[name] for name in ("queue", "job_id", "terms", "header")), BODY)
    assert (SIGNER.open(**odd, sealed=sealed), why(**{**odd, "queue": "\ud801", "sealed": sealed})) == (BODY, "altered")


def test_a_result_is_no_body_and_belongs_to_its_job() -> None:
    sealed = SIGNER.close_result("q", "id-1", BODY)
    assert (SIGNER.open_result("q", "id-1", sealed), why(sealed=sealed)) == (BODY, "altered")
    wrong = [(SIGNER, "id-2", sealed), (SIGNER, "id-1", SEALED), (SIGNER, "id-1", BODY), (Envelope("ns"), "id-1", sealed)]
    for envelope, job_id, raw in wrong:
        with pytest.raises(ResultUnavailable, match="cannot be trusted: "):
            envelope.open_result("q", job_id, raw)


@pytest.mark.parametrize("text", ["short", "x" * 15, f"{OLD},{'x' * 15}"])
def test_a_short_key_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"signing key [12] has (5|15) bytes; it takes 16 or more") as caught:
        Keys.parse(text)
    assert "x" * 15 not in "".join(traceback.format_exception(caught.value))


SHOWN: dict[str, Callable[[Any], str]] = {"str": str, "repr": repr, "format": format, "fields": lambda value: str(fields_of(value))}


def fields_of(value: Any) -> Any:
    return asdict(value) if isinstance(value, Settings) else {"ids": value.ids}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("value", [KEYS, Settings(signing_keys=KEYS)], ids=["keys", "settings"])
def test_keys_do_not_show(show: Callable[[Any], str], value: object) -> None:
    shown = show(value)
    assert ([word for word in (OLD, OLD.encode().hex(), "_secrets") if word in shown], KEYS.ids[0] in shown) == ([], True)


def test_keys_are_not_pickled_nor_changed_but_stay_the_same_in_a_copy() -> None:
    with pytest.raises(TypeError, match="signing keys cannot be pickled"):
        pickle.dumps(Settings(signing_keys=KEYS))
    with pytest.raises(AttributeError, match="cannot be changed"):
        KEYS.ids = ()
    assert (copy.deepcopy(KEYS) is KEYS, Keys.revealed(KEYS.reveal()) == KEYS, {Keys.parse(OLD), KEYS} == {KEYS}) == (True, True, True)
    assert (repr(NO_KEYS), bool(NO_KEYS), Keys.parse(NEW) == KEYS) == ("none", False, False)
