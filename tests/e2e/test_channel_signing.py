"""Signing channel documents: what is wrong with one keeps no other from machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.catalog.board import Board
from release.errors import InputError
from release.line.channel_documents import sign_channel_documents
from release.trust.channel_document import ChannelDocumentError, channel_document_key
from release.wiring import open_yard
from tests.rollout_yard import RolloutYard, rollout_template, rollout_yard
from tests.small_yard import BOARD

__all__ = ["rollout_template", "rollout_yard"]


def document(rollout_yard: RolloutYard, channel: str) -> Path:
    return rollout_yard.small.mirror / channel_document_key(channel, Board.parse(BOARD))


def test_a_fault_of_one_channel_keeps_no_other_from_being_signed(rollout_yard: RolloutYard) -> None:
    alpha, beta = document(rollout_yard, "alpha"), document(rollout_yard, "beta")
    alpha.write_bytes(b"somebody's")
    before = beta.read_bytes()
    beta.unlink()
    with open_yard(rollout_yard.small.settings) as yard:
        with pytest.raises(ChannelDocumentError, match="alpha/amd64-usr/current"):
            sign_channel_documents(yard)
        assert beta.read_bytes() != before
        assert alpha.read_bytes() == b"somebody's"


def test_nothing_is_signed_while_nobody_can_say_after_which_floors_keys_change(
    rollout_yard: RolloutYard,
) -> None:
    beta = document(rollout_yard, "beta")
    beta.unlink()
    with rollout_yard.small.settings.open("a") as settings:
        settings.write("\n[channels.betta]\nproduction = false\n")
    with open_yard(rollout_yard.small.settings) as yard, pytest.raises(InputError, match="betta"):
        sign_channel_documents(yard)
    assert not beta.exists()
