"""Emails, usernames and names: checked, and brought to the one form that is unique."""

from __future__ import annotations

import unicodedata

from ._errors import InvalidEmail, InvalidName, InvalidUsername

EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3: a path of 256 octets, less the angle brackets
LOCAL_LENGTH = 64
USERNAME_LENGTH = 40
NAME_LENGTH = 200
NOT_IN_EMAIL = set('()<>[]:;,\\"@')

# Letters of other alphabets that are drawn like a Latin one (from Unicode's confusables). A name
# written wholly in such letters is unique together with the Latin name that it looks like.
LOOKS_LIKE = """
    аa еe оo рp сc уy хx іi јj ѕs ԁd һh ӏl вb кk мm нh тt гr пn ԛq ԝw ѵv
    αa οo ρp νv ιi κk υu χx τt γy ωw βb ηn ϲc ϳj
    օo հh սu ոn ցg զq
"""  # noqa: RUF001
LOOKALIKES = {ord(pair[0]): pair[1] for pair in LOOKS_LIKE.split()}


def email(text: str) -> tuple[str, str]:
    """Return an email address as it is written to, and the form that is unique."""
    if len(text) > 2 * EMAIL_LENGTH or not _printable(text):
        raise InvalidEmail("That is not an email address.", field="email")
    address = unicodedata.normalize("NFC", text.strip())
    local, _, host = address.rpartition("@")
    if not _is_local(local) or len(address) > EMAIL_LENGTH:
        raise InvalidEmail("That is not an email address.", field="email")
    key = f"{_folded(local)}@{_host(host)}"
    return f"{local}@{host.lower()}", key


def _is_local(local: str) -> bool:
    plain = not any(letter.isspace() or letter in NOT_IN_EMAIL for letter in local)
    return bool(local) and len(local) <= LOCAL_LENGTH and plain and ".." not in f".{local}."


def _host(host: str) -> str:
    """Return the host name in ASCII, so that one host has one form."""
    try:
        plain = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        plain = ""
    labels = plain.split(".")
    for label in labels:
        known = label and set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        if not known or label[0] == "-" or label[-1] == "-":
            raise InvalidEmail("The part of the email after the @ is not a host.", field="email")
    return plain


def username(text: str) -> tuple[str, str]:
    """Return a username as it is shown, and the form that is unique."""
    if len(text) > 4 * USERNAME_LENGTH or not _printable(text):
        raise InvalidUsername("That username can't be used.", field="username")
    shown = unicodedata.normalize("NFKC", text.strip())
    if not 1 <= len(shown) <= USERNAME_LENGTH:
        raise InvalidUsername(
            f"A username has 1 to {USERNAME_LENGTH} characters.", field="username"
        )
    if not all(letter.isalnum() or letter in "._-" or _is_mark(letter) for letter in shown):
        raise InvalidUsername(
            "A username is made of letters, digits, dots, dashes and underscores.", field="username"
        )
    if not (shown[0].isalnum() and (shown[-1].isalnum() or _is_mark(shown[-1]))):
        raise InvalidUsername(
            "A username begins and ends with a letter or digit.", field="username"
        )
    if len(_alphabets(shown)) > 1:
        raise InvalidUsername("A username keeps to one alphabet.", field="username")
    return shown, _folded(shown).translate(LOOKALIKES)


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc")


def _alphabets(text: str) -> set[str]:
    """Return the scripts of the letters; Han, Kana and Hangul are written together."""
    found: set[str] = set()
    for letter in text:
        if letter.isalpha():
            script = unicodedata.name(letter, "?").split()[0]
            found.add("CJK" if script in {"HIRAGANA", "KATAKANA", "HANGUL"} else script)
    return found


def name(text: str) -> str:
    """Return a display name in its composed form; it need not be unique."""
    if len(text) > NAME_LENGTH or not _printable(text):
        raise InvalidName(f"A name has at most {NAME_LENGTH} printable characters.", field="name")
    return unicodedata.normalize("NFC", text.strip())


def key_of(login: str) -> tuple[str, str] | None:
    """Return which key a login names (`email` or `username`) and its value; None if neither."""
    try:
        return ("email", email(login)[1]) if "@" in login else ("username", username(login)[1])
    except (InvalidEmail, InvalidUsername):
        return None


def cut(text: str | None, length: int) -> str:
    """Return what a stranger sent (an address, a device) as short, printable text."""
    kept = (text or "")[:length]
    return "".join(letter if letter.isprintable() else "?" for letter in kept)


def _folded(text: str) -> str:
    # Folding can undo the normal form and the other way around; twice is enough to be stable.
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once).casefold()


def _printable(text: str) -> bool:
    """Tell whether every character prints: no NUL, no control, no lone surrogate, no bidi trick."""
    return all(letter.isprintable() for letter in text.strip())
