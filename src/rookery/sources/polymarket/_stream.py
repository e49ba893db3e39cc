"""JSON of any length, one row at a time, in memory that does not grow with the file."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import NoReturn, Protocol

from rookery.errors import UserError
from rookery.sources._records import shown

_CHUNK = 1 << 20
LONGEST_ITEM = 16 << 20
# Where an object wraps its rows, they stand under one of these names.
_ROW_LISTS = ("prices", "data", "trades", "activity", "history")
# Numbers stay text: a float would lose digits of a token id, and of what a fault has to show.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_BLANK = re.compile(r"[ \t\r\n]*")
# The longest thing that is no string and can be cut by the end of a block: an escape of twelve letters.
_UNSURE = 12


class Reads(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


class RowReader:
    """The rows of one document: a list, or an object with a list under a known name.

    `fields` holds the object's other fields; they are all there once the rows have been read.
    """

    def __init__(self, stream: Reads, place: str) -> None:
        self.place = place
        self.fields: dict[str, object] = {}
        self.list_name: str | None = None
        self._stream = stream
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._item = 0

    def rows(self) -> Iterator[object]:
        """Raises UserError, with the line, where the text is no JSON or is cut short."""
        first = self._next()
        if first == "[":
            yield from self._items()
        elif first == "{":
            yield from self._members()
        elif first:
            self._refuse("is not JSON: it starts with neither [ nor {")
        else:
            raise UserError("is empty", place=self.place)
        if self._next():
            self._refuse("has more text after its JSON")

    def _items(self) -> Iterator[object]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            self._item += 1
            self._next()
            yield self._value()
            if self._mark("]"):
                return

    def _members(self) -> Iterator[object]:
        self._at += 1
        if self._next() == "}":
            self._at += 1
            return
        while True:
            if self._next() not in ('"', ""):
                self._refuse("is not JSON: a name in quotes is missing")
            key = str(self._value())
            if self._next() not in (":", ""):
                self._refuse("is not JSON: a colon is missing")
            self._at += 1
            if self._next() == "[" and key in _ROW_LISTS:
                self.list_name = key
                yield from self._items()
            else:
                self.fields[key] = self._value()
            if self._mark("}"):
                return

    def _mark(self, end: str) -> bool:
        """Step over a comma (False) or the end of the list (True)."""
        mark = self._next()
        if mark not in (",", end):
            self._refuse("is not JSON: a comma is missing") if mark else self._refuse_cut()
        self._at += 1
        return mark == end

    def _next(self) -> str:
        """The next letter that is no blank, or nothing at the end of the file."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def _value(self) -> object:
        while True:
            value: object = None
            end = -1
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as failure:
                cut = failure.msg.startswith("Unterminated string") or failure.pos >= len(self._text) - _UNSURE
                if not cut or (self._ended and failure.pos < len(self._text) and self._text[failure.pos] in "]},:"):
                    self._at = failure.pos
                    self._refuse(f"is not JSON: {failure.msg[:1].lower()}{failure.msg[1:]}")
            except RecursionError:
                self._refuse("is nested too deeply")
            # A number at the very end of what was read may go on in the next block.
            if end >= 0 and (end < len(self._text) or self._ended):
                self._at = end
                return value
            if len(self._text) - self._at > LONGEST_ITEM:
                self._refuse(f"has an item of more than {LONGEST_ITEM >> 20} MiB, which is no row")
            if not self._read() and end < 0:
                self._refuse_cut()

    def _read(self) -> bool:
        if self._ended:
            return False
        block = self._stream.read(_CHUNK)
        self._ended = not block
        try:
            text = self._bytes.decode(block, final=self._ended)
        except UnicodeDecodeError as failure:
            byte = failure.object[failure.start]
            self._refuse(f"holds byte 0x{byte:02x}, which is not UTF-8", remedy="save the file as UTF-8")
        self._line += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + text
        self._at = 0
        return True

    def _refuse_cut(self) -> NoReturn:
        self._at = len(self._text)
        inside = f"inside item {self._item}" if self._item else "before its first item"
        self._refuse(f"is cut short: the JSON ends {inside}", remedy="fetch the file again")

    def _refuse(self, what: str, *, remedy: str | None = None) -> NoReturn:
        row = self._line + self._text.count("\n", 0, self._at)
        raise UserError(shown(what, limit=160), place=self.place, row=row, remedy=remedy)
