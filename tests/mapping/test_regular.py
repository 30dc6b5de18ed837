"""Patterns: what is refused is marked at its place, and what is taken means what it says."""

from __future__ import annotations

import time

import pytest

from strangler.mapping import runtime
from strangler.mapping.regular import WrongPattern, ends_alike, longest, parse
from tests.mapping.test_problems import problem


@pytest.mark.parametrize(
    ("pattern", "marked", "says"),
    [
        ("a**", (2, 2), "a repetition isn't repeated"),
        ("a+?", (2, 2), "a repetition isn't repeated"),
        ("*a", (0, 0), "* has no meaning here"),
        ("a|", (2, 2), "something to match is missing"),
        ("()", (1, 1), "something to match is missing"),
        ("^", (1, 1), "something to match is missing"),
        ("(ab", (0, 0), "isn't closed"),
        ("ab)", (2, 2), "closes nothing"),
        ("a(?:b)", (2, 2), "no options"),
        ("[[:alpha:]]", (1, 1), "[ has no meaning in a class"),
        ("[z-a]", (1, 3), "a stretch is one of digits or of letters"),
        ("[ä-ü]", (1, 3), "a stretch is one of digits or of letters"),
        ("[A-z]", (1, 3), "a stretch is one of digits or of letters"),
        ("[]", (0, 1), "a class begins with ["),
        ("a[b", (1, 2), "a class begins with ["),
        (r"a\b", (1, 2), "don't agree"),
        (r"(a)\1", (3, 4), "don't agree"),
        (r"\p{L}", (0, 1), "don't agree"),
        ("a\\", (1, 1), "don't agree"),
        ("a{2,1}", (1, 5), "a count is"),
        ("a{0}", (1, 3), "a count is"),
        ("a{1,256}", (1, 7), "a count is"),
        ("a{x}", (1, 3), "a count is"),
        ("a{1", (1, 2), "a count is"),
        ("(a*)+", (0, 4), "may be empty"),
        ("x(a+)+", (1, 5), "more ways than one"),
        ("(a|ab)*", (0, 6), "more ways than one"),
        ("(a{1,200}b){1,200}", (0, 17), "more ways than one"),
        ("b(^a)", (2, 2), "^ stands at the beginning only"),
        ("a$b", (1, 1), "$ stands at the end only"),
        ("(a$)", (2, 2), "$ stands at the end only"),
        ("", (0, 0), "from 1 to 500 characters"),
        ("(" * 30 + "a" + ")" * 30, (20, 20), "nested too deeply"),
    ],
)
def test_what_engines_do_not_read_alike_is_refused_at_its_place(
    pattern: str, marked: tuple[int, int], says: str
) -> None:
    with pytest.raises(WrongPattern) as raised:
        parse(pattern)
    assert (tuple(raised.value.place), says in raised.value.what) == (marked, True), raised.value.what


def test_the_place_is_marked_in_the_expression_also_behind_a_quote() -> None:
    shown = problem("REGEXP_LIKE(name, 'O''(N|)')").what.splitlines()
    assert shown[1:] == ["    REGEXP_LIKE(name, 'O''(N|)')", " " * 29 + "^"]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("REGEXP_LIKE(name)", "takes 2 arguments"),
        ("REGEXP_LIKE(name, 'a', 'i')", "takes 2 arguments; it has no flags"),
        ("REGEXP_LIKE(name, name)", "the pattern of REGEXP_LIKE is a constant text"),
        ("REGEXP_LIKE(name, NULL)", "the pattern of REGEXP_LIKE is a constant text"),
        ("REGEXP_LIKE(id, 'a')", "REGEXP_LIKE takes text; this is an integer"),
        ("REGEXP_REPLACE(name, 'a', name)", "the replacement of REGEXP_REPLACE is a constant text"),
        ("REGEXP_REPLACE(name, 'a', 'b', 'g')", "takes 3 arguments"),
        ("REGEXP_REPLACE(name, 'a?', 'b')", "matches the empty text too"),
        ("REGEXP_REPLACE(name, 'a|ab', 'b')", "don't agree where a match of this pattern ends"),
        ("REGEXP_LIKE(name, '.*a.*b.*c.*d')", "may take for ever"),
        ("name ~ 'a'", "write REGEXP_LIKE(text, 'pattern')"),
    ],
)
def test_what_the_functions_do_not_take_is_refused_with_a_reason(expression: str, says: str) -> None:
    assert says in problem(expression).what


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("^a.b$", "a\nb", True),
        ("^a$", "a\n", False),
        ("a$", "b\na", True),
        ("^a", "b\na", False),
        (r"^\d+$", "٣", False),
        (r"^\w$", "Ł", False),
        (r"^\s$", "\u00a0", False),
        ("[^a]", "\n", True),
        ("A", "a", False),
        ("^.$", "😀", True),
        ("^(ab|c){2}$", "abc", True),
        ("^x{2,}$", "x", False),
        (r"^[\]\-\\]$", "-", True),
        ("^[a-]$", "-", True),
    ],
)
def test_what_matches(pattern: str, text: str, expected: bool) -> None:
    assert runtime.regexp_like(text, pattern) is expected


@pytest.mark.parametrize(
    ("pattern", "alike"),
    [("a(b|c)", True), ("ab|ac", False), ("a?b", True), ("a?ab", False), ("[a-z]+1?", True), ("[a-z]*z", False), ("(ab?)+", True),
     ("(ab?)+b", False), ("a{2,3}b", True), ("a{2,3}a", False), ("[^a]+a", True), ],
)  # fmt: skip
def test_where_a_match_ends_is_sure_while_no_two_ways_lead_on(pattern: str, alike: bool) -> None:
    assert ends_alike(parse(pattern)) is alike


@pytest.mark.parametrize("pattern", [".*a.*b", "^[^@]+@[^@]+[.][a-z]+$", "(a[^b]*b)*c", "a?" * 10 + "a{10}"])
def test_what_is_taken_ends_in_time(pattern: str) -> None:
    length = longest(parse(pattern))
    begin = time.process_time()
    for text in ("a" * length, "ab" * (length // 2), "@a." * (length // 3)):
        runtime.regexp_like(text, pattern)
    assert time.process_time() - begin < 2
