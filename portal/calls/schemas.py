"""What the routes of calls take and give. Unknown fields are refused: a misspelt one must not be taken for a missing one."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from portal.calls.rules import Level, Role, Surface

LANGUAGE = r"[a-z]{2}(-[A-Z]{2})?\Z"  # as schemas.calls takes it
MAX_ID_CHARACTERS = 256
MAX_NAME_CHARACTERS = 64  # Zoom's, of a registrant
MAX_KEY_CHARACTERS = 128
KEY = r"[!-~]{1,128}\Z"  # printable ASCII without spaces, so that every proxy leaves it alone


def _id(description: str, **more: Any) -> fields.String:
    length = validate.Length(min=1, max=MAX_ID_CHARACTERS)
    return fields.String(required=True, validate=length, metadata={"description": description}, **more)


def _name(description: str) -> fields.String:
    length = validate.Length(min=1, max=MAX_NAME_CHARACTERS)
    return fields.String(load_default=None, allow_none=True, validate=length, metadata={"description": description})


class OrderSchema(Schema):
    """The order whose page it was, or that the conversation is about."""

    id = _id("The marketplace's order.")
    state = _id("The marketplace's word for its state; `active` is the one that counts.")


class ServiceSchema(Schema):
    """The service that the conversation is about."""

    id = _id("The marketplace's service.")
    rising_talent = fields.Boolean(
        required=True, metadata={"description": "Whether this service holds the status Rising Talent."}
    )


class StartCallSchema(Schema):
    """Somebody pressed the button."""

    initiator = _id("The marketplace's user who starts the call.")
    initiator_name = _name("How the invitation and Zoom name that user; default: the role.")
    role = fields.Enum(Role, by_value=True, required=True, metadata={"description": "The initiator's side."})
    level = fields.Enum(
        Level,
        by_value=True,
        load_default=Level.NEW,
        dump_default=Level.NEW,
        metadata={"description": "The freelancer's level; `new` is below every other."},
    )
    surface = fields.Enum(Surface, by_value=True, required=True, metadata={"description": "Where the button is."})
    order = fields.Nested(
        OrderSchema, load_default=None, allow_none=True, metadata={"description": "Required on an order's page."}
    )
    service = fields.Nested(
        ServiceSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "Required for Rising Talent in the inbox."},
    )
    conversation = _id("Where in the chat the invitation goes.")
    other_participant = _id("The marketplace's user on the other side.")
    other_participant_name = _name("How Zoom names that user; default: the role.")
    language = fields.String(
        load_default="en",
        validate=validate.Regexp(LANGUAGE),
        metadata={"description": "The invitation's and the hint's: en, es, fr, de or pt; others get English."},
    )

    @validates_schema
    def fits_together(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what cannot be judged, and a call with oneself."""
        if data["surface"] is Surface.ORDER_PAGE and data["order"] is None:
            raise ValidationError("Required on an order's page.", "order")
        rising = data["role"] is Role.FREELANCER and data["level"] is Level.RISING_TALENT
        if rising and data["surface"] is Surface.INBOX and data["service"] is None:
            raise ValidationError("Required for Rising Talent in the inbox.", "service")
        if data["initiator"] == data["other_participant"]:
            raise ValidationError("The two participants are the same.", "other_participant")


class _LinksSchema(Schema):
    call_id = fields.String(required=True, metadata={"description": "The call."})
    join_url = fields.String(
        required=True,
        metadata={"description": "The link to join by. `personal`: this user's own, show it to nobody else."},
    )
    personal = fields.Boolean(required=True, metadata={"description": "Whether the link is this user's own."})
    host_url = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The freelancer's link that opens the call with the host's rights. Fetched anew for every "
            "answer: redirect to it at once, store and log it nowhere. Null for the client."
        },
    )


class CallStartedSchema(_LinksSchema):
    """A call that was started."""

    invitation_url = fields.String(
        required=True, metadata={"description": "The link that the invitation in the chat shows to both."}
    )
    created_at = fields.AwareDateTime(required=True, format="iso", metadata={"description": "When it was asked for."})
    hint = fields.String(
        required=True, metadata={"description": "A sentence for the freelancer, in the request's language."}
    )


class JoinSchema(_LinksSchema):
    """How one of the two joins."""

    role = fields.Enum(Role, by_value=True, required=True, metadata={"description": "Which of the two it is."})


class ViewerSchema(Schema):
    """Who wants to join."""

    viewer = _id("The marketplace's user who is signed in.")
