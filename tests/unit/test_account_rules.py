"""Pure rules of accounts: passwords, lock-out, codes, secrets."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from ioc.accounts.passwords import hash_password, verify_password
from ioc.accounts.rules import (
    CODE_ALPHABET,
    Attempts,
    action_faults,
    clean_code,
    fingerprint,
    hash_secret,
    make_password,
    new_code,
    new_token,
    password_faults,
    session_valid,
    token_permissions,
)

NOW = dt.datetime(2026, 10, 3, 6, 32, 8, tzinfo=dt.UTC)
LOCK = dt.timedelta(minutes=15)


def codes(password: str, login: str = "zhiban") -> set[str]:
    return {r.code for r in password_faults(password, login)}


def test_passwords() -> None:
    assert codes("Short-1") == {"too_short"}
    assert codes("onlylowercase") == {"too_plain"}
    assert codes("Zhiban-2026-x") == {"like_login"}
    assert codes("Long-enough-7") == set()
    assert codes("长口令也可以的呀Ab1") == set()
    assert codes("x" * 300) == {"too_long", "too_plain"}


def test_made_passwords_keep_the_rules_and_differ() -> None:
    made = {make_password() for _ in range(50)}
    assert len(made) == 50
    assert not any(password_faults(p, "zhiban") for p in made)
    assert not set("".join(made)) & set("0O1lI")


def test_argon2() -> None:
    stored = hash_password("Long-enough-7")
    assert stored.startswith("$argon2id$")
    assert verify_password(stored, "Long-enough-7")
    assert not verify_password(stored, "long-enough-7")
    assert not verify_password("not a hash", "x")


@given(st.integers(min_value=1, max_value=10), st.integers(min_value=0, max_value=30))
def test_lock_comes_exactly_at_the_limit(limit: int, tries: int) -> None:
    state = Attempts()
    for turn in range(1, tries + 1):
        if state.locked(NOW):
            break
        state = state.after_failure(NOW, limit, LOCK)
        assert state.locked(NOW) == (turn == limit)
    assert not state.locked(NOW + LOCK)


def test_after_a_lock_the_count_starts_anew() -> None:
    state = Attempts(5, NOW)
    assert state.after_failure(NOW + LOCK, 5, LOCK) == Attempts(1, None)


def test_sessions() -> None:
    idle, end = dt.timedelta(hours=2), NOW + dt.timedelta(hours=12)
    assert session_valid(NOW, NOW, end, idle)
    assert not session_valid(NOW + idle, NOW, end, idle)
    assert not session_valid(end, end, end, idle)


def test_codes_survive_being_typed() -> None:
    for code in {new_code() for _ in range(200)}:
        assert clean_code(code) == code
        assert clean_code(f" {code.lower()} ") == code
        assert clean_code(code.replace("-", "")) == code
        assert set(code) <= set(CODE_ALPHABET) | {"-"}


def test_what_is_no_code() -> None:
    assert {clean_code(t) for t in ("", "ABC", "ABCDEFG", "0K4-Q2M", "IK4-Q2M", "'; DROP")} == {""}


def test_secrets() -> None:
    token = new_token()
    assert token.startswith("ioc_")
    assert len(token) > 40
    assert len(hash_secret(token)) == 64
    assert fingerprint("a71c93e0ffff") == "A7:1C:93:E0"


def test_token_actions() -> None:
    assert "event.write" not in token_permissions(["read"])
    assert token_permissions(["events:write"]) == {"event.write"}
    assert token_permissions(["read", "events:write"]) < token_permissions(["admin"])
    assert token_permissions(["nonsense"]) == frozenset()
    assert [r.code for r in action_faults([])] == ["missing"]
    assert [r.value for r in action_faults(["read", "write"])] == ["write"]
