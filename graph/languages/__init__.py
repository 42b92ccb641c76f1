"""
One interface over the grammars: a small query file per language says what counts as a symbol, an import, a
call.
"""
