"""Anybody's names become bounded, distinct subject tokens."""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations

import pytest
from hypothesis import assume, example, given, strategies as st

from sightline import subjects, topology
from sightline.messages import Lane, Track

VALID = re.compile(r"[A-Za-z0-9_~-]+")
NAMES = st.text(max_size=200)
TRACKS = st.builds(Track, room=NAMES, participant=NAMES, id=NAMES)

AWKWARD = [
    "",
    " ",
    ".",
    "*",
    ">",
    "a.b",
    "a b",
    "a\tb",
    "a\n",
    "\x00",
    "a",
    "а",  # Cyrillic
    "A",
    "a\u200b",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "🙂",
    "~a_b~" + "a" * 26,
    subjects.token("a.b"),
    subjects.token(subjects.token("a.b")),
    "a" * 64,
    "a" * 65,
    "x" * 5_000,
    "x" * 4_999 + "y",
    "é" * 5_000,
]


def track(name: str = "x") -> Track:
    return Track(room=name, participant=name, id=name)


@pytest.mark.parametrize("name", ["alice", "TR_AMx3-9", "a" * 64])
def test_a_plain_name_is_its_own_token(name: str) -> None:
    assert subjects.token(name) == name


@pytest.mark.parametrize("name", AWKWARD, ids=ascii)
def test_a_token_of_an_awkward_name_is_valid_and_bounded(name: str) -> None:
    assert VALID.fullmatch(subjects.token(name))
    assert len(subjects.token(name)) <= subjects.MAX_TOKEN


def test_awkward_names_all_have_tokens_of_their_own() -> None:
    for one, other in combinations(AWKWARD, 2):
        assert subjects.token(one) != subjects.token(other), (one, other)


@given(st.text())
@example("~a_b~hash")
def test_any_name_has_a_valid_bounded_token(name: str) -> None:
    assert VALID.fullmatch(subjects.token(name))
    assert len(subjects.token(name)) <= subjects.MAX_TOKEN


@given(st.text(), st.text())
def test_two_names_never_share_a_token(one: str, other: str) -> None:
    assume(one != other)
    assert subjects.token(one) != subjects.token(other)


@given(st.text(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_names_that_only_look_alike_do_not_share_a_token(name: str, form: str) -> None:
    alike = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    assert (subjects.token(alike) == subjects.token(name)) == (alike == name)


@given(st.text())
def test_a_name_made_of_anothers_token_gets_a_different_one(name: str) -> None:
    token = subjects.token(name)
    assert (subjects.token(token) == token) == (token == name)


def subjects_of(track: Track, stage: str = "captioner") -> dict[topology.Stream, list[str]]:
    tickets = [subjects.work(stage, lane, track) for lane in Lane]
    return {
        topology.FRAMES: [subjects.frame(track)],
        topology.WORK: tickets,
        topology.CAPTIONS: [subjects.caption(track, stage)],
        topology.IMAGES: [subjects.image(track, "agent")],
        topology.DEAD: [subjects.dead(stage, ticket) for ticket in tickets],
        topology.ROOMS: [subjects.room(track.room)],
        topology.STAGES: [subjects.stage_key(stage)],
    }


def matches(subject: str, pattern: str) -> bool:
    """NATS's own rule: ``*`` is one token, ``>`` one or more at the end."""
    tokens, wanted = subject.split("."), pattern.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and matches(
            ".".join(tokens[: len(wanted) - 1]), ".".join(wanted[:-1])
        )
    return len(tokens) == len(wanted) and all(w in ("*", t) for t, w in zip(tokens, wanted, strict=True))


@given(TRACKS)
def test_every_subject_lands_in_its_stream_and_in_no_other(track: Track) -> None:
    for stream, found in subjects_of(track).items():
        for subject in found:
            homes = [s for s in topology.STREAMS if any(matches(subject, p) for p in s.subjects)]
            assert homes == [stream]


@given(TRACKS)
def test_subjects_stay_far_below_the_4_kb_that_end_a_connection(track: Track) -> None:
    for found in subjects_of(track).values():
        for subject in found:
            assert len(subject) < 512
            assert all(subject.split(".")), "no empty token"
            assert not set(" \t\r\n*>") & set(subject)


@given(TRACKS, st.sampled_from(Lane))
def test_a_tickets_subject_leads_to_its_frame_and_its_queue(track: Track, lane: Lane) -> None:
    ticket = subjects.work("captioner", lane, track)
    assert subjects.frame_of_work(ticket) == subjects.frame(track)
    queues = [topology.lane_queue(stage, one) for stage in ("captioner", "encoder") for one in Lane]
    assert [q for q in queues if matches(ticket, q.filter_subject)] == [
        topology.lane_queue("captioner", lane)
    ]


@given(TRACKS)
def test_a_rooms_wildcards_hold_its_tracks_and_no_other_rooms(track: Track) -> None:
    other = track.room + "."
    for wildcard, subject in (
        (subjects.room_frames, subjects.frame(track)),
        (subjects.room_captions, subjects.caption(track, "captioner")),
        (subjects.room_images, subjects.image(track, "agent")),
    ):
        assert matches(subject, wildcard(track.room))
        assert not matches(subject, wildcard(other))


def test_control_subjects_of_two_participants_differ() -> None:
    found = {
        f(room, who)
        for f in (subjects.capture, subjects.speaking)
        for room in ("a", "a.b")
        for who in ("b", "b.c")
    } | {subjects.turns("a"), subjects.turns("a.b"), subjects.ask("a")}
    assert len(found) == 11
    assert not any(matches(subject, p) for subject in found for s in topology.STREAMS for p in s.subjects)
