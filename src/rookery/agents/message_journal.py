"""The messages of a hierarchy, appended to a file as they are sent, found again by their correlation id."""

from collections.abc import Iterator
from pathlib import Path

from rookery.agents.messages import Message, from_json, to_json
from rookery.errors import UserError


class MessageJournal:
    """An append-only file of JSON lines. Every line is a whole message; a torn last line, left by a kill, is cut off.

    `length` bytes are what a checkpoint notes; `rewind` takes away what was written after it, so that a resumed run
    writes the same file as one that was not stopped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.touch()
        data = path.read_bytes()
        if not data.endswith(b"\n"):
            self.rewind(data.rfind(b"\n") + 1)

    @property
    def length(self) -> int:
        """Bytes so far."""
        return self._path.stat().st_size

    def send(self, *messages: Message) -> None:
        """Append messages, in one write."""
        with self._path.open("ab") as file:
            file.write("".join(to_json(message) + "\n" for message in messages).encode())

    def rewind(self, length: int) -> None:
        """Cut the file to `length` bytes. Raises UserError when it is shorter."""
        if length > self.length:
            raise UserError(
                f"holds {self.length} bytes of {length}", place=self._path, remedy="run again from the start"
            )
        with self._path.open("r+b") as file:
            file.truncate(length)

    def messages(self) -> Iterator[Message]:
        """All messages, oldest first. Raises UserError with the line of one that is damaged."""
        with self._path.open(encoding="utf-8") as file:
            for row, line in enumerate(file, start=1):
                try:
                    yield from_json(line)
                except ValueError as failure:
                    raise UserError(f"message cannot be read: {failure}", place=self._path, row=row) from None

    def chain(self, correlation_id: str) -> list[Message]:
        """Every message of one correlation id, oldest first: an allocation and all that came of it."""
        return [message for message in self.messages() if message.correlation_id == correlation_id]
