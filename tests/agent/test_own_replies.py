"""Replies that the agent begins by itself: they know what is in view, and the user said nothing."""

from __future__ import annotations

from livekit.agents import function_tool
from livekit.agents.llm import ChatContext

from sightline.bus import Bus
from sightline_agent import VisionAgent
from support.agents import completions, now_shows, users_words
from support.model_servers import OpenAIServer, Status
from support.sessions import conversation, talking
from support.sights import frame, image
from support.tool_calls import CallingServer


async def test_a_reply_with_instructions_is_shown_what_is_in_view_at_its_moment(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug", 1))
        await talk.says("Hello")
        await talk.shows(bus, now_shows(bus, "steam over a kettle", 2))
        record = await talk.reply(instructions="Say what changed.")
    _, request = completions(model)
    assert [message["role"] for message in request.messages] == [
        *("system", "user", "assistant"),  # what was before
        "system",  # Say what changed.
        "user",  # the view
    ]
    view = users_words(request)[-1]
    assert '"steam over a kettle"' in view
    assert view.startswith("<camera-view>")
    assert view.endswith("</camera-view>")
    assert (record.begun_by, record.question) == ("agent", "")
    assert [shown.text for shown in record.shown] == ["steam over a kettle"]


async def test_the_conversation_holds_no_words_that_the_user_did_not_say(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await talk.says("Hello")
        await talk.reply(instructions="Say what changed.")
        await talk.reply()
        assert conversation(talk) == [
            ("system", "Be kind."),
            ("user", "Hello"),
            ("assistant", "I see."),
            ("assistant", "I see."),
            ("assistant", "I see."),
        ]


async def test_a_greeting_is_shown_what_is_in_view_before_anybody_said_anything(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug", 1))
        await talk.reply(instructions="Greet the user.")
        await talk.shows(bus, now_shows(bus, "a blue plate", 2))
        await talk.says("What was that before?")
    greeting, question = completions(model)
    assert '"a red mug"' in users_words(greeting)[-1]
    assert [message["role"] for message in question.messages] == ["system", "user", "assistant", "user"]
    assert users_words(question)[0] == users_words(greeting)[0]
    assert '"a blue plate"' in users_words(question)[1]


async def test_what_such_a_reply_was_shown_stays_where_it_was_shown(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus) as talk:
        await talk.says("Hello")
        await talk.shows(bus, now_shows(bus, "a red mug", 1))
        await talk.reply(instructions="Say what you see.")
        await talk.shows(bus, now_shows(bus, "a blue plate", 2))
        await talk.reply(instructions="Say what you see.")
        await talk.says("What was that before?")
    *_, second, question = completions(model)
    assert [message["role"] for message in question.messages][3:] == [
        *("user", "assistant"),
        *("user", "assistant"),
        "user",
    ]
    words = users_words(question)
    assert '"a red mug"' in words[1]
    assert '"a blue plate"' in words[2]
    assert users_words(second)[1] == words[1]
    assert users_words(second)[2] == words[2]


async def test_each_reply_asks_the_model_once(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await talk.reply(instructions="Greet the user.")
        await talk.says("Hello")
        await talk.reply(instructions="Go on.")
    assert len(completions(model)) == 3


async def test_words_to_say_ask_no_model(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await talk.session.say("Welcome.")
    assert completions(model) == []
    assert talk.records == []


async def test_a_question_with_instructions_of_its_own_is_the_users(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        record = await talk.says("What do I hold?", instructions="Answer in one word.")
    [request] = completions(model)
    [words] = users_words(request)
    assert '"a red mug"' in words
    assert words.endswith("What do I hold?")
    assert (record.begun_by, record.question) == ("user", "What do I hold?")


class Clerk(VisionAgent):
    @function_tool
    async def look_up(self) -> str:
        """Look something up."""
        return "found"


async def test_after_its_tools_such_a_reply_is_shown_the_same_in_the_same_place(bus: Bus) -> None:
    async with CallingServer(look_up={}) as model, talking(model, bus, Clerk, mode="both") as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"), image(frame(1, bus.now()), data=b"pixels"))
        await talk.reply(instructions="Say what you see.")
    first, second = completions(model)
    assert second.messages[: len(first.messages)] == first.messages
    assert [message["role"] for message in second.messages[len(first.messages) :]] == ["assistant", "tool"]
    assert first.images == second.images == [b"pixels"]
    assert [(record.begun_by, record.continues) for record in talk.records] == [
        ("agent", False),
        ("agent", True),
    ]


class Returning(VisionAgent):
    """An agent that goes on with a conversation out of a store."""

    def __init__(self, **agent: object) -> None:
        before = ChatContext()
        before.add_message(role="user", content="I am Alice.")
        before.add_message(role="assistant", content="Hello, Alice.")
        super().__init__(chat_ctx=before, **agent)  # type: ignore[arg-type]


async def test_what_is_in_view_is_not_put_with_words_that_were_answered_long_ago(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus, Returning) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        record = await talk.reply(instructions="Welcome them back.")
    [request] = completions(model)
    assert users_words(request)[0] == "I am Alice."
    assert '"a red mug"' in users_words(request)[1]
    assert record.begun_by == "agent"


async def test_a_question_that_failed_is_shown_what_is_in_view_as_it_is_asked_again(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug", 1))
        model.fault = Status(400)
        await talk.says("What do I hold?")
        model.fault = None
        await talk.shows(bus, now_shows(bus, "a blue plate", 2))
        record = await talk.reply()
    words = users_words(completions(model)[-1])
    assert len(words) == 1
    assert '"a blue plate"' in words[0]
    assert "a red mug" not in words[0]
    assert record.begun_by == "user"
