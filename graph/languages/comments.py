"""
Documentation as people read it: comment signs, tags and markup taken off, the prose kept.
"""

from __future__ import annotations

import re
from html import unescape

LONGEST_DOC = 800

_MARKERS = re.compile(r"^\s*(?:/\*+!?|\*+/|\*(?!\*)|//[/!]?|\#+|--+|;+|%+|<!--)?[ \t]?", re.MULTILINE)
_TAG_SECTION = re.compile(
    r"^\s*(?:@(?!link|code|literal)[a-zA-Z-]+\b|:(?:param|type|returns?|rtype|raises?|arg|keyword|ivar|cvar)\b"
    r"|\\(?:param|return|brief|tparam|throws)\b|>>> |\.\. (?:math|plot|code|testsetup|doctest|deprecated)"
    r"|(?:Args|Arguments|Parameters?|Returns?|Raises|Yields|Examples?|See Also|References|Attributes"
    r"|Throws|Usage|"
    r"Keyword Args|Panics|Errors|Safety)\s*:?\s*$|\#+ (?:Examples?|Arguments|Panics|Errors|Safety"
    r"|Returns?)\s*$|<(?:param|typeparam|returns|value|exception|response|permission|example|seealso)\b)",
    re.MULTILINE,
)
_UNDERLINE = re.compile(r"^\s*([-=~^*\"`#])\1{2,}\s*$", re.MULTILINE)
_REFERENCE = re.compile(r'<(?:see|paramref|typeparamref)\s+\w+="(?:[A-Z]:)?(?:\w+\.)*(\w+)[^"<>]*"\s*/>')
"""Of C#, to a type or a parameter: its name is part of the sentence."""
_LICENCE = re.compile(
    r"licen[sc]e|copyright|spdx-|all rights reserved|\(c\) \d{4}|according to those terms"
    r"|eslint-|swift-tools-version|frozen_string_literal|rubocop|-\*-|vim:|coding[:=]",
    re.IGNORECASE,
)


def clean_doc(text: str, limit: int = LONGEST_DOC) -> str:
    """
    Turn a raw comment or docstring into plain prose.

    Sections about parameters, return values and examples are left out: they describe the signature,
    not what the thing is for.

    Returns:
        Paragraphs separated by an empty line, each on one line, at most *limit* characters.

    >>> clean_doc('''/**
    ...  * Finds the <b>way</b> with {@link Router}.
    ...  *
    ...  * @param from start
    ...  */''')
    'Finds the way with Router.'
    >>> clean_doc('/// <summary>Is a <see cref="T:Shop.Tax{T}"/>.</summary>\\n/// <param name="t">Of it.</param>')
    'Is a Tax.'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip().startswith(("/*", "//", "#", "--", ";", "%", "<!--")):
        text = _MARKERS.sub("", text)
        text = re.sub(r"[ \t]*\*+/[ \t]*$|\s*-->\s*\Z", "", text, flags=re.MULTILINE).rstrip()
        text = re.sub(r"^\s*(?:[\\@]brief)\b\s*", "", text)
    if (section := _TAG_SECTION.search(text)) is not None:
        text = text[: section.start()]
    text = _UNDERLINE.sub("", text)
    text = _without_markup(text)
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    joined = "\n\n".join(part for part in paragraphs if part)
    return joined if len(joined) <= limit else joined[:limit].rsplit(" ", 1)[0].rstrip()


def is_heading(text: str) -> bool:
    """
    Tell whether a comment is a few words between two lines of signs.

    >>> is_heading("/*--------\\n * Sorted sets\\n *--------*/"), is_heading("/* Sorted sets */")
    (True, False)
    """
    framed = re.fullmatch(r"/\*[-=*#~]{6,}(.*?)[-=*#~]{6,}\*?/", text.strip(), re.DOTALL)
    return framed is not None and len(re.findall(r"\w+", framed[1])) < 8


def is_licence(text: str) -> bool:
    """
    Tell whether a comment speaks of rights or tools and not of the code.
    """
    return _LICENCE.search(text) is not None


def _without_markup(text: str) -> str:
    text = re.sub(r"\{@\w+\s+([^}]*)\}", r"\1", text)
    text = re.sub(r":[a-z:]+:`~?\.?([^`<]*?)\s*(?:<[^>]*>)?`", r"\1", text)
    text = _REFERENCE.sub(r"\1", text)
    text = re.sub(r"</?[A-Za-z][^<>\n]{0,200}>", " ", text)
    text = re.sub(r"`{1,3}([^`\n]*)`{1,3}_{0,2}", r"\1", text)
    text = re.sub(r"!?\[([^\]\n]*)\]\([^)\n]*\)", r"\1", text)
    text = re.sub(r"^\s*\.\. [\w-]+::.*$|^\s*#+ ", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?<!\w)(\*{1,2})(\w[^*\n]*?\w|\w)\1(?!\w)", r"\2", text)
    return re.sub(r" +([.,;:])", r"\1", unescape(text))
