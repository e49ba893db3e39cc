"""A journal keeps every whole message in order, loses a torn one, and can be wound back."""

from pathlib import Path

import pytest

from rookery.agents.message_journal import MessageJournal
from rookery.agents.messages import AlertMessage, CoordinationSignal, correlation_id
from rookery.errors import UserError

WHEN = "2024-01-02T03:04:05+00:00"


def alert(number: int) -> AlertMessage:
    chain = correlation_id("chain", number % 2)
    return AlertMessage(
        alert_type="risk_violation", severity="low", message=f"no. {number}", timestamp=WHEN, correlation_id=chain
    )


def test_a_chain_holds_the_messages_of_its_id_in_the_order_sent(tmp_path: Path):
    journal = MessageJournal(tmp_path / "messages.jsonl")
    journal.send(*(alert(number) for number in range(4)))
    answer = CoordinationSignal(
        from_specialist="forex",
        to_specialist="equity",
        signal_type="risk_warning",
        data={"used": 0.95},
        timestamp=WHEN,
        correlation_id=correlation_id("chain", 1),
    )
    journal.send(answer)
    assert journal.chain(correlation_id("chain", 1)) == [alert(1), alert(3), answer]
    assert len(list(MessageJournal(tmp_path / "messages.jsonl").messages())) == 5


def test_a_torn_last_line_is_cut_off_and_whole_ones_stay(tmp_path: Path):
    path = tmp_path / "messages.jsonl"
    MessageJournal(path).send(alert(0), alert(1))
    path.write_bytes(path.read_bytes()[:-5])
    journal = MessageJournal(path)
    assert list(journal.messages()) == [alert(0)]
    journal.send(alert(2))
    assert list(journal.messages()) == [alert(0), alert(2)]


def test_a_journal_wound_back_and_written_again_has_the_same_bytes(tmp_path: Path):
    journal = MessageJournal(tmp_path / "messages.jsonl")
    journal.send(alert(0))
    length = journal.length
    journal.send(alert(1))
    whole = (tmp_path / "messages.jsonl").read_bytes()
    journal.rewind(length)
    journal.send(alert(1))
    assert (tmp_path / "messages.jsonl").read_bytes() == whole


def test_a_damaged_line_is_named_and_a_length_not_reached_is_refused(tmp_path: Path):
    path = tmp_path / "messages.jsonl"
    MessageJournal(path).send(alert(0))
    path.write_bytes(path.read_bytes() + b'{"type": "AlertMessage"}\n')
    with pytest.raises(UserError) as failure:
        list(MessageJournal(path).messages())
    assert failure.value.row == 2
    with pytest.raises(UserError, match="bytes of"):
        MessageJournal(path).rewind(10**9)
