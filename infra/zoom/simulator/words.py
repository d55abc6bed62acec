"""What is said and written in the simulated calls, all of our own invention, and its Zoom file formats."""

import json
from collections.abc import Sequence

Line = tuple[int, str, str]  # second from the start of the recording, who, what

LOGO_TALK: tuple[Line, ...] = (
    (6, "Inês Duarte", "Hi Tomás, can you hear me well?"),
    (10, "Tomás Ørn", "Loud and clear. Thanks for making time today."),
    (18, "Inês Duarte", "So, you saw the three logo drafts. Which one speaks to you?"),
    (27, "Tomás Ørn", "The second one, with the lighthouse. The blue could be a little warmer."),
    (41, "Inês Duarte", "Good, I will try two warmer blues and keep the line weight."),
    (55, "Tomás Ørn", "Could we have it in black and white as well, for the stamp?"),
    (63, "Inês Duarte", "Of course, that is part of the order. You get both on Thursday."),
    (75, "Tomás Ørn", "Perfect. Then I will write down what we agreed in the order chat."),
)
LOGO_CHAT: tuple[Line, ...] = (
    (33, "Tomás Ørn", "lighthouse it is 🙂"),
    (48, "Inês Duarte", "Noting: warmer blue, same line weight,\nblack and white for the stamp"),
)
SITE_TALK: tuple[Line, ...] = (
    (5, "Rafael Quint", "I am sharing my screen: this is the new front page."),
    (14, "Mei-Ling Abara", "Oh, that loads quickly. Can the menu stay open on phones?"),
    (26, "Rafael Quint", "Yes. I will also move the opening hours to the top."),
    (40, "Mei-Ling Abara", "Great, and please keep the pictures of the bakery."),
)
SITE_TALK_AFTER_THE_BREAK: tuple[Line, ...] = (
    (3, "Rafael Quint", "Sorry, I had to restart the recording. Where were we?"),
    (11, "Mei-Ling Abara", "The pictures. And the contact form: name, message, nothing else."),
    (22, "Rafael Quint", "Agreed, two fields. I deliver the second milestone on Monday."),
)
PAYMENT_TALK: tuple[Line, ...] = (
    (8, "Kestrel M.", "Before we go on: the fee here takes twenty percent."),
    (15, "Dana Weiss", "I know, but that is how the order works."),
    (24, "Kestrel M.", "Let us cancel the order and you pay me directly with PayPal, outside the platform."),
    (37, "Dana Weiss", "Hmm, I would rather not do that."),
)
PAYMENT_CHAT: tuple[Line, ...] = (
    (29, "Kestrel M.", "cancel the order here and send the payment to my PayPal instead, then we both save the fee"),
    (44, "Dana Weiss", "I prefer to keep it on the platform"),
)
RULES_TALK: tuple[Line, ...] = (
    (
        6,
        "Milan Roth",
        "Let me have a look from here, just give me control of your computer for a minute.",
    ),
    (19, "Ayo Lindgren", "Is that really needed? I can share my screen."),
    (27, "Milan Roth", "It is quicker. And tell me the six digit code that you just got on your phone."),
    (38, "Ayo Lindgren", "I would rather not read out any codes."),
    (47, "Milan Roth", "Then text me at six one seven, five five five, oh one two three, and we sort it out there."),
    (58, "Ayo Lindgren", "I am going to stay here."),
)
RULES_CHAT: tuple[Line, ...] = ((61, "Milan Roth", "all you need is in requirements.pdf.exe, just start it"),)
CHECKOUT_TALK: tuple[Line, ...] = (
    (7, "Sana Petrov", "So the checkout needs PayPal next to the card form, and a field for the phone number."),
    (18, "Luc Moreau", "When a customer pays with PayPal, do we wait for the callback before the order page shows?"),
    (
        29,
        "Sana Petrov",
        "Yes. And the password field gets a strength meter, with a six digit code by text as the second step.",
    ),
    (41, "Luc Moreau", "The test card in the sandbox is four two four two, four times, I know."),
    (52, "Sana Petrov", "Right. Users asked for bank transfer too, but that is a later milestone."),
)
CHECKOUT_CHAT: tuple[Line, ...] = (
    (44, "Luc Moreau", "the PayPal button docs: https://docs.example.com/checkout/paypal"),
)
SUBTITLE_TALK: tuple[Line, ...] = (
    (7, "Oluwaseun Lindqvist", "The subtitles are done up to minute twelve."),
    (16, "Pilar Nakamura", "Wonderful. The timing of the second scene was a bit early."),
    (25, "Oluwaseun Lindqvist", "I will shift that scene by half a second."),
)


def vtt(lines: Sequence[Line]) -> str:
    """Return a transcript as Zoom writes it: CRLF, numbered cues, `Name: text`."""
    cues = (
        f"{number}\r\n{_clock(second)}.120 --> {_clock(second + 4)}.480\r\n{who}: {what}\r\n"
        for number, (second, who, what) in enumerate(lines, start=1)
    )
    return "WEBVTT\r\n\r\n" + "\r\n".join(cues)


def chat_txt(lines: Sequence[Line]) -> str:
    """Return a cloud chat file: `HH:MM:SS TAB Name: TAB text CRLF`; a text of two lines continues on the next."""
    return "".join(f"{_clock(second)}\t{who}:\t{what}\r\n" for second, who, what in lines)


def timeline_json(lines: Sequence[Line]) -> str:
    """Return a timeline file: who is speaking when."""
    names = sorted({who for _, who, _ in lines})
    samples = [
        {"ts": f"{_clock(second)}.000", "users": [_timeline_user(who, names.index(who))]} for second, who, _ in lines
    ]
    return json.dumps({"timeline": samples}, ensure_ascii=False)


def summary_json(topic: str) -> str:
    """Return a meeting summary file."""
    return json.dumps({"summary_title": topic, "summary_overview": "Work was discussed and dates were agreed."})


def _timeline_user(name: str, number: int) -> dict[str, object]:
    user_id = str(16_778_240 + 1024 * number)
    return {"username": name, "multiple_people": False, "user_id": user_id, "zoom_userid": "", "client_type": 1}


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
