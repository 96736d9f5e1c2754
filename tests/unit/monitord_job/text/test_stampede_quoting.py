"""The encoding of texts in the database."""

from hypothesis import given
from hypothesis import strategies as st

from monitord_job.stampede.output_text import quote, unquote

PLAIN = {*map(chr, range(0x20, 0x7F))} - {"'", '"', "%"}


@given(st.text(st.characters(blacklist_categories=["Cs"])) | st.text("a%\n\t'\"\\\r\x00 \x7f\u00e9"))
def test_any_text_comes_back_from_printable_ascii(text):
    assert unquote(quote(text)) == text
    assert set(quote(text)) <= PLAIN | {"%"}


def test_it_is_the_encoding_of_the_peer():
    assert quote("50 %\n\t'a' \"b\" \u00e9\x00\r") == "50 %25%0A%09%27a%27 %22b%22 %C3%A9%00%0D"
