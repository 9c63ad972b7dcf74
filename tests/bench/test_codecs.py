"""The bench's codecs read what their devices say, all of it, however it is cut."""

import pytest

from kiosk.bench import codecs
from kiosk.bench.rows import ROWS


@pytest.mark.parametrize("name", codecs.CODECS)
def test_a_codec_reads_all_that_is_said_however_it_is_cut(name: str) -> None:
    codec = codecs.CODECS[name]()
    whole = codec.reader()(codec.said * 3)
    read = codec.reader()
    assert sum(read(codec.said[place : place + 1]) for place in range(len(codec.said))) * 3 == whole > 0
    assert f"codec_{name}_mb_per_s" in ROWS


def test_a_codec_that_reads_less_than_is_said_has_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "ROUNDS", 2)
    monkeypatch.setitem(codecs.CODECS, "deaf", lambda: codecs.Codec(b"hello", lambda: lambda _chunk: 0))
    with pytest.raises(RuntimeError, match="deaf"):
        codecs.mb_per_s("deaf")
    assert codecs.mb_per_s("essp").value > 0
