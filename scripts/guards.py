"""The guards of exqueue, each taken away by a mutant, and the test that notices. Read by mutants.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LUA: Final = "exqueue/store/lua"
STORE: Final = "tests/store"
SHARED: Final = "tests/store/test_every_step.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """`file`: where `text`, which occurs there once, becomes `instead`. `tests`: each of them must fail then.

    `quick`: tried by every run of the tests, too.
    """

    name: str
    guard: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]
    quick: bool = False


def _m(name: str, guard: str, file: str, text: str, instead: str, *tests: str, quick: bool = False) -> Mutant:
    return Mutant(name, guard, file, text, instead, tests, quick)


IN_LUA: Final = (
    _m("anyone-settles", "a token is compared before anything is settled", f"{LUA}/_settle.lua",
       "if run.token == token then return 'owned', run end", "if run.token ~= '-' then return 'owned', run end",
       f"{STORE}/test_settle.py::test_a_job_that_was_given_to_another_is_not_settled_by_the_first", quick=True),
    _m("settled-once", "a settlement asked again is answered again", f"{LUA}/_settle.lua",
       "  if redis.call('HGET', settled, slot) == token then return 'again' end\n", "",
       f"{SHARED}::test_asked_again_it_answers_the_same_and_changes_nothing", quick=True),
    _m("full-first", "the first write is one that a full server allows", f"{LUA}/_settle.lua",
       "  redis.call('LREM', processing, 1, id)\n  redis.call('HSET', settled, slot, token)\n",
       "  redis.call('HSET', settled, slot, token)\n  redis.call('LREM', processing, 1, id)\n",
       f"{STORE}/test_full.py::test_a_step_that_adds_no_job_does_what_it_always_does"),
    _m("claim-anew", "a claim asked again is the same claim", f"{LUA}/_claim.lua",
       "  if id and run.token ~= '-' then return claimed(id, run) end\n", "",
       f"{STORE}/test_claim.py::test_a_slot_that_holds_a_job_gets_that_job_and_its_first_token_again", quick=True),
    _m("forget-held", "what a slot holds comes first", f"{LUA}/_claim.lua", "  local id, run = held(slot)\n", "  local id, run\n",
       f"{STORE}/test_claim.py::test_what_was_moved_into_the_list_of_the_slot_comes_first"),
    _m("name-begins-alike", "a slot's whole name is compared", f"{LUA}/_claim.lua",
       "string.sub(run.token, 1, #slot + 1) == slot .. '/')", "string.sub(run.token, 1, #slot) == slot)",
       f"{STORE}/test_claim.py::test_a_slot_whose_name_begins_like_anothers_does_not_get_its_job"),
    _m("named-twice", "what another slot holds is not claimed", f"{LUA}/_claim.lua",
       "    if run.token == '-' then -- else it is named twice", "    if true then -- else it is named twice",
       f"{STORE}/test_claim.py::test_an_id_named_twice_runs_once"),
    _m("never-overtaken", "a job that was only moved gives way to a higher priority", f"{LUA}/_claim.lua",
       "if not refusal and not overtaken(id) then", "if not refusal then",
       f"{STORE}/test_line.py::test_a_job_that_was_only_moved_gives_way_to_one_of_higher_priority"),
    _m("closed-slot-claims", "a closed slot gets no job", f"{LUA}/claim.lua",
       "if redis.call('HEXISTS', slots, slot) == 0 then return {'unregistered'} end\n", "",
       f"{STORE}/test_recover.py::test_a_closed_slot_gets_no_job"),
    _m("dead-registers", "a slot that was closed stays closed", f"{LUA}/register.lua",
       "if redis.call('HEXISTS', graves, slot) == 1 then return {'dead'} end\n", "",
       f"{STORE}/test_slots.py::test_a_closed_slot_cannot_be_opened_again"),
    _m("recover-to-the-tail", "a recovered job goes back to its old place", f"{LUA}/recover.lua",
       "      put_back(id)\n      tell('recovered', id)", "      redis.call('RPUSH', pending, id)\n      tell('recovered', id)",
       f"{STORE}/test_recover.py::test_the_job_of_a_dead_process_goes_back_to_the_head_and_its_slot_is_closed", quick=True),
    _m("moved-to-the-tail", "a job that was only moved goes back to its old place", f"{LUA}/recover.lua",
       "    put_back(other)\n", "    redis.call('RPUSH', pending, other)\n",
       f"{STORE}/test_order.py::test_jobs_that_were_moved_but_never_claimed_go_back_before_those_behind_them"),
    _m("alive-is-recovered", "the beat is compared in the step itself", f"{LUA}/recover.lua",
       "if beat ~= '' and (redis.call('HGET', beats, runner) or 'absent') ~= beat then return {'alive'} end\n", "",
       f"{STORE}/test_recover.py::test_a_runner_that_beats_again_is_alive", quick=True),
    _m("changed-is-recovered", "only the start that was seen is judged", f"{LUA}/recover.lua",
       "then return {'changed'} end", "then id, token = other, owner end",
       f"{STORE}/test_recover.py::test_a_slot_that_runs_a_later_job_than_told_has_changed"),
    _m("crash-uncounted", "a crash is counted", f"{LUA}/recover.lua",
       "run.crashes, run.token = run.crashes + 1, '-'", "run.token = '-'",
       f"{STORE}/test_recover.py::test_a_recovered_job_runs_in_another_slot", quick=True),
    _m("no-grave", "a closed slot is swept again later", f"{LUA}/recover.lua",
       "redis.call('HSETNX', graves, slot, whole(now_ms()))\n", "",
       f"{STORE}/test_slots.py::test_a_closed_slot_cannot_be_opened_again"),
    _m("buried-alive", "a closed slot that holds a job is not forgotten", f"{LUA}/bury.lua",
       "if redis.call('LLEN', processing) > 0 or now_ms()", "if now_ms()",
       f"{STORE}/test_slots.py::test_a_closed_slot_that_a_late_blmove_has_filled_is_kept"),
    _m("sign-off-the-living", "a runner that beats is not signed off", f"{LUA}/depart.lua",
       "if beat ~= '' and redis.call('HGET', beats, runner) ~= beat then return {'alive'} end\n", "",
       f"{STORE}/test_slots.py::test_a_runner_is_signed_off_only_if_it_has_not_beaten_since"),
    _m("release-to-the-tail", "a released job goes back to its old place", f"{LUA}/release.lua",
       "  put_back(id)\n", "  redis.call('RPUSH', pending, id)\n",
       f"{STORE}/test_order.py::test_released_jobs_go_back_before_those_behind_them"),
    _m("types-unchecked", "types of all keys are checked before the first write", f"{LUA}/_base.lua",
       "  for i = 1, #KEYS do redis.call(PROBES", "  for i = 1, 0 do redis.call(PROBES",
       f"{SHARED}::test_a_key_of_the_wrong_type_is_named_and_nothing_is_written", quick=True),
    _m("counters-unchecked", "counters are checked before the first write", "exqueue/store/scripts.py",
       'if "counters" in keys and header.get("checks") != "types":', 'if "no counters" in keys:',
       f"{SHARED}::test_a_counter_that_is_no_number_is_named_and_nothing_is_written"),
    _m("no-bell", "idle processes are woken for ranked jobs", f"{LUA}/_line.lua",
       "then redis.call('RPUSH', pending, BELL) end", "then return end",
       f"{STORE}/test_line.py::test_when_the_last_of_the_list_is_cancelled_a_bell_wakes_for_those_that_are_ranked"),
)  # fmt: skip

IN_LUA_MORE: Final = (
    _m("key-taken-twice", "one job of a key at a time", f"{LUA}/_key.lua",
       "  if redis.call('HSETNX', heads, agreed.key, id) == 1 then return true end\n",
       "  redis.call('HSET', heads, agreed.key, id)\n  if id then return true end\n",
       f"{STORE}/test_keys.py::test_no_two_jobs_of_a_key_run_at_once", quick=True),
    _m("retry-loses-its-key", "between its attempts a job holds its key", f"{LUA}/promote.lua",
       "  if is_head(id, agreed) then\n    put_back(id)\n",
       "  if is_head(id, agreed) then\n    free(id, agreed)\n    if join(id, agreed) then put_back(id) end\n",
       f"{STORE}/test_keys.py::test_a_job_that_will_run_again_holds_its_key"),
    _m("anyone-frees-a-key", "only the head of a key sets it free", f"{LUA}/_key.lua",
       "  if is_head(id, agreed) then advance(agreed.key) end\n", "  if agreed and agreed.key ~= '-' then advance(agreed.key) end\n",
       f"{STORE}/test_keys.py::test_a_cancelled_job_that_waits_sets_none_of_its_key_free"),
    _m("failure-lets-go", "what failed for good blocks its key", f"{LUA}/_key.lua",
       "  if not agreed.blocks then return free(id, agreed) end\n", "  if agreed then return free(id, agreed) end\n",
       f"{STORE}/test_keys.py::test_a_job_that_fails_for_good_blocks_its_key"),
    _m("requeue-behind", "a requeued job goes before the younger of its key", f"{LUA}/requeue.lua",
       "  if seq_of(head) <= seq_of(id) or read_run(head).since > 0 then return false end\n", "  if head then return false end\n",
       f"{STORE}/test_keys.py::test_a_skipped_job_that_is_requeued_runs_before_those_that_have_not_begun"),
    _m("one-too-many", "no more run at once than may", f"{LUA}/_gate.lua", ">= tonumber(most) then", "> tonumber(most) then",
       f"{STORE}/test_gate.py::test_no_more_run_at_once_than_may"),
    _m("one-too-often", "no more start in a window than may", f"{LUA}/_gate.lua",
       "redis.call('LLEN', starts) >= tonumber(count)", "redis.call('LLEN', starts) > tonumber(count)",
       f"{STORE}/test_rate.py::test_no_more_start_in_a_window_than_may"),
    _m("recent-unknown", "ids of jobs that are gone are remembered", f"{LUA}/_gone.lua", "  redis.call('SADD', recent, id)\n", "",
       f"{STORE}/test_enqueue.py::test_the_id_of_a_job_that_is_gone_is_not_accepted_again"),
    _m("older-unknown", "and those of the generation before", f"{LUA}/_accept.lua",
       "\n     or redis.call('SISMEMBER', older, id) == 1 then", " then",
       f"{STORE}/test_enqueue.py::test_an_id_of_the_older_generation_is_still_known"),
    _m("not-unique", "one job of a unique name", f"{LUA}/_accept.lua",
       "  return twin and redis.call('HEXISTS', jobs, twin) == 1 and twin\n", "  return nil\n",
       f"{STORE}/test_unique.py::test_of_several_in_one_step_the_first_is_accepted"),
    _m("expires-after-all", "what has begun does not expire any more", f"{LUA}/release.lua", "  begun(id)\n", "",
       f"{STORE}/test_settle.py::test_a_job_that_has_begun_in_time_does_not_expire_when_it_is_put_back"),
    _m("no-outbox", "what follows a job is written down with its success", f"{LUA}/finish.lua",
       "  if chain then redis.call('HSET', outbox, id, chain) end\n", "",
       f"{STORE}/test_finish.py::test_what_follows_a_job_is_in_the_outbox_once_it_has_succeeded"),
    _m("tick-fires-again", "a tick is recorded with its job", f"{LUA}/fire.lua",
       "if (recorded_tick(worker) or -1) >= tonumber(tick_ms) then return {'late'} end\n", "",
       f"{STORE}/test_fire.py::test_a_tick_fires_once_and_none_before_it_any_more"),
    _m("asked-by-hand-again", "what a person asked is answered once more, not done", f"{LUA}/_person.lua",
       "  if string.sub(words, 1, #request + 1) ~= request .. ' ' then return nil end\n", "  if words then return nil end\n",
       f"{STORE}/test_person.py::test_a_request_sent_again_is_answered_as_before_and_not_done_again"),
    _m("retried-though-stopped", "who is to be stopped is not retried", f"{LUA}/retry.lua",
       "  if redis.call('HGET', stops, id) == token then return {'stopped'} end\n", "",
       f"{STORE}/test_stop.py::test_a_job_that_ends_before_its_runner_has_seen_the_request_is_removed_all_the_same"),
)  # fmt: skip

IN_PYTHON: Final = (
    _m("old-note-stops", "a note to stop names one start", "exqueue/store/care_reads.py",
       "if run.token and run.token == token}", "if run.token}",
       f"{STORE}/test_stop.py::test_the_next_start_of_a_job_is_not_stopped_by_an_old_note"),
    _m("redis-py-retries", "redis-py sends nothing again", "exqueue/store/connection.py", "Retry(NoBackoff(), 0)", "Retry(NoBackoff(), 10)",
       f"{STORE}/test_habits.py::test_a_connection_of_ours_tries_nothing_again_by_itself"),
    _m("impatient", "a reply is waited for longer than any block", "exqueue/store/channel.py",
       "def open_channel(url: str, *, timeout: float = 5.0,", "def open_channel(url: str, *, timeout: float = 1.0,",
       f"{STORE}/test_habits.py::test_a_reply_is_waited_for_longer_than_a_process_blocks"),
    _m("shared-after-fork", "no connection is carried over a fork", "exqueue/store/channel.py",
       "if self._pid != os.getpid():", "if self._pid == 0:",
       f"{STORE}/test_channel.py::test_a_forked_child_and_its_parent_never_read_each_others_replies"),
    _m("kept-after-an-error", "a connection with a reply on its way is closed", "exqueue/store/channel.py",
       "            connection.disconnect()\n            raise\n", "            self._idle.append(connection)\n            raise\n",
       f"{STORE}/test_habits.py::test_a_reply_that_comes_late_is_not_taken_for_the_next_one"),
    _m("surely-not-stored", "a lost reply is no refusal", "exqueue/store/channel.py",
       "uncertain = uncertain or not _surely_unsent(error)", "uncertain = False",
       f"{STORE}/test_uncertain.py::test_no_later_failure_hides_that_an_earlier_try_may_have_been_carried_out"),
    _m("never-swept", "closed slots are swept", "exqueue/runtime/caretaker.py",
       "            if slot in filled:\n", "            if slot == filled:\n",
       "tests/runtime/test_caretaker.py::test_a_bell_that_a_late_blmove_brings_into_a_closed_slot_is_rung_again"),
    _m("struck-off-first", "what follows is struck off after it is enqueued", "exqueue/runtime/delivery.py",
       "            for link in decode_chain(raw):\n",
       "            store.deliver(queue, followed)\n            for link in decode_chain(raw):\n",
       "tests/runtime/test_delivery.py::test_killed_between_two_of_them_the_first_is_one_job_and_the_second_comes_later"),
    _m("stopped-while-it-lives", "nothing is settled for a runner that may live", "exqueue/runtime/recovery.py",
       "if not death.beat and self._reader.stops(queue)", "if self._reader.stops(queue)",
       "tests/runtime/test_overrun.py::test_a_job_that_a_person_wanted_stopped_is_not_taken_from_a_runner_that_lives"),
    _m("late-is-run", "a job that expired is not run", "exqueue/runtime/execute.py",
       "attempt == 1 and 0 < expires < claim.run.since):", "attempt == 1 and 0 > expires > claim.run.since):",
       "tests/runtime/test_overrun.py::test_a_job_that_comes_too_late_is_failed_and_says_by_how_much"),
    _m("one-crash-more", "max_crashes is a limit", "exqueue/model/policy.py",
       "run.crashes + 1 >= policy.max_crashes", "run.crashes >= policy.max_crashes",
       "tests/model/test_policy.py::test_what_becomes_of_a_job"),
    _m("one-retry-more", "max_retries is a limit", "exqueue/model/policy.py",
       "if failures > policy.max_retries:", "if failures > policy.max_retries + 1:",
       "tests/model/test_policy.py::test_what_becomes_of_a_job"),
    _m("recovered-alive", "on one host: kill, wait, then recover", "exqueue/runtime/caretaker.py",
       "if (orphaned or silent) and kill_and_wait(slot.pid, slot.start, 2.0):", "if orphaned or silent:",
       "tests/runtime/test_two_runners.py::test_on_the_same_host_a_frozen_process_is_killed_before_its_job_is_given_away"),
    _m("before-the-lease", "elsewhere: not before a lease of silence", "exqueue/runtime/caretaker.py",
       "return now - seen.since >= max(lease, self._lease)", "return now >= seen.since",
       "tests/runtime/test_two_runners.py::test_from_another_host_nothing_is_taken_over_before_the_lease"),
    _m("no-fence", "who cannot beat kills its processes in time", "exqueue/runtime/runner.py",
       "if living and now - self._heard > FENCE_AT", "if living and now - self._heard > 1000 * FENCE_AT",
       "tests/runtime/test_recovery.py::test_a_runner_that_cannot_beat_kills_its_processes_before_others_take_over"),
)  # fmt: skip

IN_REPAIRS: Final = (
    _m("lost-runs-again", "a job that was in no place is never run by itself", f"{LUA}/relocate.lua",
       "if place == 'lost' then give_up(id, error) else", "if place == 'lost' then put_back(id) else",
       f"{STORE}/test_repair.py::test_a_job_in_no_place_fails_and_blocks_its_key"),
    _m("unknown-is-dead", "a slot that nobody knows is given a lease", f"{LUA}/relocate.lua",
       " or long_gone == '1' then return false end", " or true then return false end",
       f"{STORE}/test_repair.py::test_a_token_of_a_slot_that_nobody_knows_counts_until_a_lease_has_passed"),
    _m("two-at-once", "a process that runs another job does not run this one", f"{LUA}/relocate.lua",
       "return not is_busy(slot, id) and slot end", "return slot end",
       f"{STORE}/test_invariants.py::test_whatever_is_broken_is_found_and_what_is_repaired_is_whole_and_complete"),
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
       "  if there and not agreed then return head, true end\n", "",
       f"{STORE}/test_repair.py::test_a_repair_asked_for_what_waits_leaves_a_head_without_terms"),
    _m("slot-overlooked", "a step that was not given all slots does not answer", f"{LUA}/_look.lua",
       "  for _, slot in ipairs(redis.call('HKEYS', slots)) do if not known[slot] then return nil end end\n", "",
       f"{STORE}/test_repair.py::test_a_slot_that_was_opened_after_it_was_listed_is_not_overlooked"),
    _m("too-old-goes-on", "who is too old for the data touches nothing", "exqueue/store/schema.py",
       "    if found > SCHEMA:\n", "    if found > SCHEMA + 1:\n",
       "tests/runtime/test_schema.py::test_a_producer_that_is_too_old_enqueues_nothing"),
)  # fmt: skip

MUTANTS: Final = (*IN_LUA, *IN_LUA_MORE, *IN_PYTHON, *IN_REPAIRS)
