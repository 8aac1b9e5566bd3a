"""Words that stand for yes, for no and for nothing, as people and programs write them; case does not count.

Any other word in a column for yes or no is put aside: neither consent nor its refusal is guessed.
"""

import pyarrow as pa

_YES = """
    true t yes y 1 1.0 on given granted accepted opt-in opted-in optin
    si sí sì sim oui ja da tak ano áno igen evet kyllä jah jā taip ναι да так hai はい 是 예 네 نعم כן हाँ ya có
"""
_NO = """
    false f no n 0 0.0 off withdrawn revoked refused denied declined rejected opt-out opted-out optout unsubscribed
    non não nao nein nee nej nei nie ne nem hayır hayir ei nē όχι нет ні не iie いいえ 否 아니요 لا לא नहीं tidak không
"""
_NOTHING = ("", "null", "(null)", "none", "nan", "nat", "nil", "na", "n/a", "#n/a", "<na>", "undefined", "\\n")


def _forms(words: list[str]) -> pa.Array:
    # Lower case, capitals, and the first letter as a capital: a look-up costs less than folding every value.
    return pa.array(sorted({form for word in words for form in (word, word.upper(), word.capitalize())}))


YES = pa.array(_YES.split())
"""To be compared in lower case."""
NO = pa.array(_NO.split())
"""To be compared in lower case."""
NOTHING = pa.array(sorted({*_forms(list(_NOTHING)).to_pylist(), "NaN", "NaT"}))
"""To be compared as it is."""
