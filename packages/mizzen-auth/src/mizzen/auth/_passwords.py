"""Which passwords may be used, and the one form in which they are hashed."""

from __future__ import annotations

import unicodedata

from ._errors import WeakPassword

# Hashing cost must not depend on a stranger's wish: ten megabytes are turned away unread.
LONGEST = 1024

# The head of every list of leaked passwords that is long enough to pass the minimum. A site that
# wants more passes its own `blocklist`.
COMMON = frozenset(
    """
    00000000 11111111 111111111 1111111111 11223344 112233445566 12121212 123123123 12312312
    1234554321 12345678 123456789 1234567890 12345678910 123456789a 123456789q 1234567a 1234qwer
    12341234 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qazxsw2 22222222 55555555 66666666 87654321
    88888888 987654321 9876543210 99999999 a1234567 a12345678 aa123456 aa12345678 aaaaaaaa abc12345
    abcd1234 abcdefgh administrator asdasdasd asdf1234 asdfasdf asdfghjkl asdfghjk baseball
    basketball butterfly changeme computer consumer corvette dearbook elephant fashion1 football
    hello123 hellohello iloveyou iloveyou1 internet jennifer jordan23 letmein1 liverpool marlboro
    maverick mercedes michelle midnight mustang1 myspace1 nicholas p@ssw0rd p@ssword passw0rd
    password password! password1 password12 password123 password1234 passwordpassword pokemon1
    princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qqww1122 qwer1234 qwerasdf qwertyui qwerty12
    qwerty123 qwerty1234 qwerty12345 qwertyuiop samantha scorpion secret123 starwars steelers
    sunshine sunshine1 superman superman1 swordfish test1234 testtest trustno1 victoria welcome1
    welcome123 whatever zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123 correcthorsebatterystaple
    """.split()  # noqa: SIM905
)


def readable(password: str) -> str | None:
    """Return a password in the form that is hashed (NFC), or None if it can't be hashed at all.

    Too long, NUL, or half of a surrogate pair: answered without work, and without an exception
    that would carry the password into a traceback.
    """
    if len(password) > LONGEST or "\0" in password:
        return None
    if any("\ud800" <= letter <= "\udfff" for letter in password):
        return None
    return unicodedata.normalize("NFC", password)


def acceptable(
    password: str, *, shortest: int, blocklist: frozenset[str], own: tuple[str | None, ...]
) -> str:
    """Return a new password in the form that is hashed, or raise `WeakPassword` saying why not.

    `own` are the email and username of the user: they are the first guess of anybody.
    """
    if len(password) > LONGEST:
        raise WeakPassword(f"A password has at most {LONGEST} characters.", reason="long")
    plain = readable(password)
    if plain is None:
        raise WeakPassword(
            "A password can't hold NUL or half of a surrogate pair.", reason="unreadable"
        )
    if len(plain) < shortest:
        raise WeakPassword(f"A password has at least {shortest} characters.", reason="short")
    folded = plain.casefold()
    names = {
        word for text in own if text for word in (text.casefold(), text.casefold().split("@")[0])
    }
    if folded in blocklist or folded in names or len(set(folded)) == 1:
        raise WeakPassword("That password is among the first that get guessed.", reason="common")
    return plain
