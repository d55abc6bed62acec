"""What the chat says about a call, by language and phase. Plain text without markup, at most 900 characters.

Instants are UTC and written year first, which reads the same in every language. Names are people's own input: nothing in
them can look like a link, markup or a line of ours.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.archive import ACCESS_DAYS

MAX_CHARACTERS = 900  # the owner's rule: what a chat shows without folding
MAX_NAME_CHARACTERS = 40  # longer than nearly every name, short enough to keep the tips in view
FALLBACK_LANGUAGE = "en"

_NAME_PUNCTUATION = frozenset(" .,'\u2019&()-")  # any other is what links, mentions and markup are made of
_DOTTED = re.compile(r"\.(?=\S)")  # chats turn "example.com" into a link


@dataclass(frozen=True, slots=True)
class Texts:
    """One language. Of `invitation` and `tips`, the tips go first where the links leave no room."""

    somebody: str
    invitation: str
    tips: str
    preparing: str
    available: str
    no_recording: str


TEXTS: Mapping[str, Texts] = {
    "en": Texts(
        somebody="Your freelancer",
        invitation=(
            "{name} invites you to a video call: {join_url}\n\n"
            "The call is recorded by default, guests included; you can both watch the recording for {days} days. "
            "If you do not want to be recorded, do not join: write here instead. "
            "By joining you accept the call policies: {policies_url}"
        ),
        tips=(
            "\n\nStay safe:\n"
            "- Share no passwords, card or ID numbers.\n"
            "- Open no links or files you did not expect.\n"
            "- Use no remote-access tools.\n"
            "- Keep the business on the platform.\n"
            "- If you feel uncomfortable, leave and report the call."
        ),
        preparing=(
            "The call has ended ({ended}, {minutes} min). The recording is being prepared.\n\n"
            "Please write down here what you agreed, to avoid misunderstandings."
        ),
        available="The recording of your call is available until {until} (UTC): {page_url}",
        no_recording=(
            "The call has ended ({ended}, {minutes} min). No recording was made.\n\n"
            "Please write down here what you agreed, to avoid misunderstandings."
        ),
    ),
    "es": Texts(
        somebody="Tu freelancer",
        invitation=(
            "{name} te invita a una videollamada: {join_url}\n\n"
            "La llamada se graba por defecto, también para invitados; ambos podréis ver la grabación durante {days} días. "
            "Si no quieres que te graben, no te unas: escribe aquí. "
            "Al unirte aceptas las normas de las llamadas: {policies_url}"
        ),
        tips=(
            "\n\nPor tu seguridad:\n"
            "- No compartas contraseñas ni números de tarjetas o documentos.\n"
            "- No abras enlaces ni archivos inesperados.\n"
            "- No uses herramientas de acceso remoto.\n"
            "- Mantén el negocio en la plataforma.\n"
            "- Si algo te incomoda, sal y denuncia la llamada."
        ),
        preparing=(
            "La llamada ha terminado ({ended}, {minutes} min). La grabación se está preparando.\n\n"
            "Anotad aquí lo acordado, por favor, para evitar malentendidos."
        ),
        available="La grabación de la llamada está disponible hasta el {until} (UTC): {page_url}",
        no_recording=(
            "La llamada ha terminado ({ended}, {minutes} min). No se hizo ninguna grabación.\n\n"
            "Anotad aquí lo acordado, por favor, para evitar malentendidos."
        ),
    ),
    "fr": Texts(
        somebody="Votre freelance",
        invitation=(
            "{name} vous invite à un appel vidéo : {join_url}\n\n"
            "L'appel est enregistré par défaut, invités compris ; vous pourrez tous deux revoir l'enregistrement pendant {days} jours. "
            "Si vous ne voulez pas être enregistré, ne rejoignez pas l'appel : écrivez ici. "
            "En rejoignant, vous acceptez les règles des appels : {policies_url}"
        ),
        tips=(
            "\n\nPour votre sécurité :\n"
            "- Ne donnez ni mot de passe, ni numéro de carte ou d'identité.\n"
            "- N'ouvrez ni lien ni fichier inattendu.\n"
            "- N'utilisez aucun outil d'accès à distance.\n"
            "- Gardez les affaires sur la plateforme.\n"
            "- En cas de malaise, quittez et signalez l'appel."
        ),
        preparing=(
            "L'appel est terminé ({ended}, {minutes} min). L'enregistrement est en préparation.\n\n"
            "Merci de noter ici ce qui a été convenu, pour éviter les malentendus."
        ),
        available="L'enregistrement de l'appel est disponible jusqu'au {until} (UTC) : {page_url}",
        no_recording=(
            "L'appel est terminé ({ended}, {minutes} min). Aucun enregistrement n'a été fait.\n\n"
            "Merci de noter ici ce qui a été convenu, pour éviter les malentendus."
        ),
    ),
    "de": Texts(
        somebody="Ihr Freelancer",
        invitation=(
            "{name} lädt zu einem Videoanruf ein: {join_url}\n\n"
            "Der Anruf wird standardmäßig aufgezeichnet, auch für Gäste; Sie beide können die Aufzeichnung {days} Tage lang ansehen. "
            "Wer nicht aufgezeichnet werden möchte, tritt nicht bei und schreibt stattdessen hier. "
            "Mit dem Beitritt gelten die Anrufregeln: {policies_url}"
        ),
        tips=(
            "\n\nZu Ihrer Sicherheit:\n"
            "- Keine Passwörter, Karten- oder Ausweisnummern nennen.\n"
            "- Keine unerwarteten Links oder Dateien öffnen.\n"
            "- Keine Fernzugriffsprogramme nutzen.\n"
            "- Das Geschäft auf der Plattform halten.\n"
            "- Bei Unbehagen: verlassen und den Anruf melden."
        ),
        preparing=(
            "Der Anruf ist beendet ({ended}, {minutes} min). Die Aufzeichnung wird vorbereitet.\n\n"
            "Bitte schreiben Sie hier auf, was Sie vereinbart haben, um Missverständnisse zu vermeiden."
        ),
        available="Die Aufzeichnung des Anrufs ist bis {until} (UTC) verfügbar: {page_url}",
        no_recording=(
            "Der Anruf ist beendet ({ended}, {minutes} min). Es wurde keine Aufzeichnung gemacht.\n\n"
            "Bitte schreiben Sie hier auf, was Sie vereinbart haben, um Missverständnisse zu vermeiden."
        ),
    ),
    "pt": Texts(
        somebody="Seu freelancer",
        invitation=(
            "{name} convida você para uma videochamada: {join_url}\n\n"
            "A chamada é gravada por padrão, também para convidados; ambos podem ver a gravação durante {days} dias. "
            "Se não quiser ser gravado, não entre: escreva aqui. "
            "Ao entrar, você aceita as regras das chamadas: {policies_url}"
        ),
        tips=(
            "\n\nPara sua segurança:\n"
            "- Não compartilhe senhas nem números de cartão ou documento.\n"
            "- Não abra links nem arquivos inesperados.\n"
            "- Não use ferramentas de acesso remoto.\n"
            "- Mantenha o negócio na plataforma.\n"
            "- Se sentir desconforto, saia e denuncie a chamada."
        ),
        preparing=(
            "A chamada terminou ({ended}, {minutes} min). A gravação está sendo preparada.\n\n"
            "Por favor, escrevam aqui o que combinaram, para evitar mal-entendidos."
        ),
        available="A gravação da chamada está disponível até {until} (UTC): {page_url}",
        no_recording=(
            "A chamada terminou ({ended}, {minutes} min). Não foi feita nenhuma gravação.\n\n"
            "Por favor, escrevam aqui o que combinaram, para evitar mal-entendidos."
        ),
    ),
}


def texts_for(language: str) -> Texts:
    """Return the texts of a language such as `pt` or `pt-BR`; English where we do not speak it."""
    return TEXTS.get(language.split("-", maxsplit=1)[0].lower(), TEXTS[FALLBACK_LANGUAGE])


def invitation(language: str, name: str | None, join_url: str, policies_url: str) -> str:
    """Return the invitation of a call that is going on.

    Where the links leave no room, the name goes first and the tips go next; the links are never cut, so links of more
    than some 600 characters alone may pass the limit.
    """
    texts = texts_for(language)
    links = {"join_url": join_url, "policies_url": policies_url, "days": ACCESS_DAYS}
    named = texts.invitation.format(name=safe_name(name) or texts.somebody, **links)
    unnamed = texts.invitation.format(name=texts.somebody, **links)
    candidates = [named + texts.tips, unnamed + texts.tips, unnamed]
    return next((text for text in candidates if len(text) <= MAX_CHARACTERS), unnamed)


def preparing(language: str, ended_at: datetime, minutes: int) -> str:
    """Return what stands while the recording is being prepared."""
    return texts_for(language).preparing.format(ended=_instant(ended_at), minutes=minutes)


def available(language: str, until: datetime, page_url: str) -> str:
    """Return what stands once the recording can be watched."""
    return texts_for(language).available.format(until=until.astimezone(UTC).date().isoformat(), page_url=page_url)


def no_recording(language: str, ended_at: datetime, minutes: int) -> str:
    """Return what stands when no recording was made."""
    return texts_for(language).no_recording.format(ended=_instant(ended_at), minutes=minutes)


def safe_name(name: str | None) -> str:
    """Return a person's own words as one short line that cannot pass for a link, markup or a text of ours."""
    kept = "".join(one if _belongs_to_a_name(one) else " " for one in name or "")
    line = " ".join(_DOTTED.sub(". ", kept).split())
    return line if len(line) <= MAX_NAME_CHARACTERS else line[: MAX_NAME_CHARACTERS - 1].rstrip() + "…"


def _belongs_to_a_name(one: str) -> bool:
    return one in _NAME_PUNCTUATION or unicodedata.category(one)[0] in "LMN"  # letters, their marks, numbers


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
