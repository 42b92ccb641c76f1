from inference.short_names import restore_names, short_lines, short_names, shorten_names
from inference.values import Evidence

EVIDENCE = (
    Evidence(
        "symbol", 'method Tax.add in shop/billing/Tax.java:7 meets "tax"', "m", "Tax.add", "shop/billing/Tax.java", 7
    ),
    Evidence("symbol", 'class Tax in shop/old/Tax.java:1 meets "tax"', "m", "Tax", "shop/old/Tax.java", 1),
    Evidence("past", 'commit 0123456789 "Move Tax.java"', "m", commit="0123456789abcdef"),
)


def test_the_language_model_reads_as_much_of_a_path_as_tells_files_apart() -> None:
    assert short_lines(EVIDENCE, short_names(EVIDENCE)) == (
        'method Tax.add in billing/Tax.java meets "tax"',
        'class Tax in old/Tax.java meets "tax"',
        'commit 0123456 "Move Tax.java"',
    )


def test_what_it_writes_gets_the_whole_names_back_and_quotations_stay() -> None:
    names = short_names(EVIDENCE[::2])
    written = 'In Tax.java, Tax.add is about "tax". Commit 0123456 said "Move Tax.java".'
    whole = 'In shop/billing/Tax.java, Tax.add is about "tax". Commit 0123456789 said "Move Tax.java".'

    assert restore_names(written, names) == whole
    assert restore_names(whole, names) == whole
    assert shorten_names(whole, names) == written


def test_a_short_name_inside_another_name_is_left_alone() -> None:
    names = {"a/x.py": "x.py"}

    assert restore_names("b/x.py, x.pyc, my-x.py and x.py.", names) == "b/x.py, x.pyc, my-x.py and a/x.py."


def test_two_names_of_which_one_ends_like_the_other() -> None:
    paths = ("x.py", "a/x.py")
    names = short_names([Evidence("symbol", "", "m", file=path) for path in paths])

    assert [restore_names(f"In {names[path]}.", names) for path in paths] == [f"In {path}." for path in paths]
