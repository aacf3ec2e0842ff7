"""A mailing's name, made from its text, is one that may be given."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import limits
from chalicelib.domain.mailing_defaults import name_from

texts = st.text(max_size=300).filter(lambda text: not limits.unfit(text))
controls = st.text(st.sampled_from(" \t\n\x01\x1f\x7f\x85\u200b\u200e\u2028\xa0\ufeffaя."), max_size=150).filter(
    lambda text: not limits.unfit(text)
)


@given(texts | controls)
def test_a_name_made_from_a_text_is_one_that_may_be_given(text: str) -> None:
    assert limits.name_problems("name", name_from(text), limits.MAILING_NAME_LENGTH) == []
    assert len(name_from(text)) <= 60
