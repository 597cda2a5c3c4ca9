"""Guards of repairs, and of what was found last."""

from __future__ import annotations

from typing import Final

from scripts.guards.mutant import LUA, STORE
from scripts.guards.mutant import mutant as _m

IN_REPAIRS: Final = (
    _m("lost-runs-again", "a job that was in no place is never run by itself", f"{LUA}/relocate.lua",
       "if place == 'lost' then give_up(id, error) else", "if place == 'lost' then put_back(id) else",
       f"{STORE}/test_repair.py::test_a_job_in_no_place_fails_and_blocks_its_key"),
    _m("unknown-is-dead", "a slot that nobody knows is given a lease", f"{LUA}/relocate.lua",
       " or long_gone == '1' then return false end", " or true then return false end",
       f"{STORE}/test_repair.py::test_so_does_it_where_the_list_of_that_slot_holds_another"),
    _m("two-at-once", "a process that runs another job does not run this one", f"{LUA}/relocate.lua",
       "return not is_busy(slot, id) and slot end", "return slot end",
       f"{STORE}/test_repair.py::test_a_job_that_was_begun_by_a_process_that_runs_another_by_now_is_not_given_back_to_it"),
    _m("old-look", "a repair looks again", f"{LUA}/relocate.lua",
       "  if header == 1 and there == 1 and not misheld and not unread then return '' end\n", "",
       f"{STORE}/test_repair.py::test_a_repair_of_what_is_whole_by_now_does_nothing"),
    _m("named-twice-repaired", "a job that is named twice is repaired once", f"{LUA}/relocate.lua",
       "  holders[id] = slot and {slot} or nil -- it may be named twice\n", "",
       f"{STORE}/test_repair.py::test_a_job_that_is_named_twice_is_put_back_once"),
    _m("passes-a-head-that-runs", "a key goes on only if nobody of it is under way", f"{LUA}/retie.lua",
       "elseif not head and at.waits == 1 and idle(key) then", "elseif not head and at.waits == 1 then",
       f"{STORE}/test_repair.py::test_what_waits_does_not_pass_one_that_is_under_way"),
    _m("passes-a-head-without-terms", "a head without terms holds its key", f"{LUA}/retie.lua",
       "  if there and not agreed and not redis.call('ZSCORE', done, head) then return head, true end\n", "",
       f"{STORE}/test_repair.py::test_a_repair_asked_for_what_waits_leaves_a_head_without_terms"),
    _m("too-far", "no counter rises to a number that the line never came to", "exqueue/store/fsck.py",
       " for _, header in page if len(digits_of(header)) <= FAR)])", " for _, header in page)])",
       f"{STORE}/test_repair_numbers.py::test_a_job_with_a_number_the_line_never_came_to_goes_to_its_end_and_the_queue_goes_on"),
    _m("drops-a-head-without-terms", "a head whose terms cannot be read holds its key", f"{LUA}/strip.lua",
       "if value and not may_hold(value) and stray", "if value and stray",
       f"{STORE}/test_repair_keys.py::test_a_repair_that_is_told_of_a_head_whose_terms_cannot_be_read_leaves_it"),
    _m("offers-a-head-without-terms", "a head whose terms cannot be read is no stray entry", "exqueue/store/views.py",
       "return self.header is not None and not (self.terms is not None and self.terms_readable) and",
       "return self.header is not None and self.terms is None and",
       f"{STORE}/test_repair_keys.py::test_fsck_says_of_a_head_whose_terms_cannot_be_read_that_its_key_waits"),
    _m("slot-overlooked", "a step that was not given all slots does not answer", f"{LUA}/_look.lua",
       "  for _, slot in ipairs(redis.call('HKEYS', slots)) do if not known[slot] then return nil end end\n", "",
       f"{STORE}/test_repair.py::test_a_slot_that_was_opened_after_it_was_listed_is_not_overlooked"),
    _m("fresh-again", "who asks again says so", "exqueue/store/steps.py",
       'lambda: ["", *parts])', 'lambda: ["1", *parts])',
       f"{STORE}/test_enqueue.py::test_a_fresh_job_that_has_run_before_its_reply_was_lost_is_not_accepted_again"),
    _m("beside-a-frozen-one", "what a frozen process of this host may run is not run beside it", "exqueue/runtime/process.py",
       "if claim.run.attempt > 1 and not self._is_ours_alone(claim):", "if claim.run.attempt > 1 and not claim:",
       "tests/runtime/test_process.py::test_a_job_that_a_frozen_process_of_this_host_still_runs_is_run_once_that_is_killed"),
    _m("unheeded-silence", "while its runner is silent a process begins no other job", "exqueue/runtime/process.py",
       "return not silent and super()._may_begin()", "return super()._may_begin()",
       "tests/runtime/test_process.py::test_while_the_runner_is_silent_for_a_lease_no_other_job_is_begun"),
    _m("too-old-goes-on", "who is too old for the data touches nothing", "exqueue/store/schema.py",
       "    if found > SCHEMA:\n", "    if found > SCHEMA + 1:\n",
       "tests/runtime/test_schema.py::test_a_producer_that_is_too_old_enqueues_nothing"),
)  # fmt: skip
