import pytest

from graph.values import Symbol
from training.phrasing import phrasings
from training.sentences import Core, core_of, core_of_text, cores_of_names

TOLLS = Core("compute the toll for heavy trucks", "command", "toll table")


def _core(doc: str = "", *, name: str = "x", kind: str = "method") -> tuple[str, str] | None:
    core = core_of(Symbol(name.rsplit(".", 1)[-1], kind, name, 1, 2, "", doc))
    return (core.text, core.form) if core else None


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        ("Returns the toll of a road. Never null.", "return the toll of a road"),
        ("Decodes the tags and stores the result.", "decode the tags and store the result"),
        ("This parser scans all tags of a way.", "scan all tags of a way"),
        ("Class that finds the nearest edge", "find the nearest edge"),
        ("Used to merge two routes into one.", "merge two routes into one"),
        ("Efficiently computes every toll", "efficiently compute every toll"),
        ("Returns true if the road is closed, false otherwise.", "check whether the road is closed"),
        ("Applies {@link Toll#factor} to <b>all</b> edges", "apply Toll factor to all edges"),
        ("Match dictionaries to sets\n\nConverts a dictionary that is a matching.", "match dictionaries to sets"),
        ("Wire up the arrival timeline", "wire up the arrival timeline"),
        ("Offers a simple way to sell roads", "offer a simple way to sell roads"),
    ],
)
def test_documentation_becomes_a_command(doc: str, text: str) -> None:
    assert _core(doc) == (text, "command")


@pytest.mark.parametrize(
    ("doc", "core"),
    [
        ("Roads of a country, sorted", ("roads of a country, sorted", "thing")),
        ("True heading of a road", ("the true heading of a road", "thing")),
        ("Minimum width of one tile", ("the minimum width of one tile", "thing")),
        ("Represents a stop of a trip", ("a stop of a trip", "thing")),
        ("The length is kept in meters", ("the length is kept in meters", "statement")),
    ],
)
def test_what_begins_with_no_verb_is_a_thing_or_a_statement(doc: str, core: tuple[str, str]) -> None:
    assert _core(doc) == core


@pytest.mark.parametrize(
    ("name", "doc", "core"),
    [
        ("Ops.Provision", "Provision sets up the header operations.", ("set up the header operations", "command")),
        ("Flags.Float64", "Float64 returns the value of a flag", ("return the value of a flag", "command")),
        ("File.Close", "Close closes the file below it.", ("close the file below it", "command")),
        ("Offers", "Offers offers a way to sell roads", ("offer a way to sell roads", "command")),
        ("CtxKey", "CtxKey is a value type for contexts", ("a value type for contexts", "thing")),
        ("Address", "Address represents a site address", ("a site address", "thing")),
        ("Rows.Filter", "Filter matches by name and number", ("filter matches by name and number", "command")),
        ("Writer", "Writer is used in virtual requests", ("writer is used in virtual requests", "statement")),
        ("Float64", "Float64 returns it", None),
    ],
)
def test_documentation_that_begins_with_the_name_goes_on_with_what_it_does(
    name: str, doc: str, core: tuple[str, str] | None
) -> None:
    assert _core(doc, name=name, kind="function") == core


@pytest.mark.parametrize(
    "doc",
    [
        "Deprecated: use route() instead.",
        "Default constructor for the parser.",
        "Called when the mouse moves over it.",
        "Please note that this ignores both directions",
        "This should be increased with every change",
        "x -> y | z",
        "Returns an iterator of (node, degree).",
        "Same as above, but slower",
    ],
)
def test_documentation_that_asks_for_nothing_is_left_out(doc: str) -> None:
    assert _core(doc) is None


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("RealtimeFeed.findLeaveEdgesForTrip", ("find leave edges for trip", "command")),
        ("parse_OSM_way_tags", ("parse OSM way tags", "command")),
        ("Weighting.calcMinWeight", ("calculate min weight", "command")),
        ("Weighting.getMinWeight", None),
        ("Weighting.toString", None),
        ("Weighting.minWeightOfAll", None),
        ("Graph.copyPropertiesFrom", None),
        ("LoadEdges", None),
    ],
)
def test_a_name_is_read_aloud_when_it_tells_what_is_done(name: str, core: tuple[str, str] | None) -> None:
    assert _core(name=name) == core


def test_the_words_of_the_class_around_it_say_where() -> None:
    symbol = Symbol("find", "method", "Outer.RoadFinder.find", 1, 2, "", "Finds the nearest road.")

    assert core_of(symbol) == Core("find the nearest road", "command", "road finder")


def test_classes_of_a_card_are_read_aloud_two_a_text() -> None:
    names = ["TollTable", "Router", "BaseTollTable", "HeavyTruckProfile", "RoadClassProps", "TurnCost"]

    assert [(core.text, core.form) for core in cores_of_names(names)] == [
        ("the toll table and the heavy truck profile", "things"),
        ("the turn cost", "thing"),
    ]


def test_a_file_says_what_it_is_about() -> None:
    assert core_of_text("Everything about tolls: tables, trucks.") == Core("everything about tolls", "thing")


def test_one_core_is_said_in_different_forms_words_and_orders() -> None:
    assert phrasings(TOLLS, key="f", limit=4) == [
        "We need to compute the toll for heavy trucks",
        "Which part of the code should work out the toll for heavy trucks?",
        "For heavy trucks, it fails to compute the toll",
        "Where do I change how we compute the toll for heavy trucks (toll table)?",
    ]


def test_every_phrasing_is_another_text() -> None:
    for key in map(str, range(50)):
        assert len({text.lower() for text in phrasings(TOLLS, key=key, limit=5)}) == 5


def test_a_statement_is_only_said_as_it_is() -> None:
    assert phrasings(Core("the length is kept in meters", "statement"), key="a", limit=3) in (
        ["the length is kept in meters"],
        ["The length is kept in meters"],
    )


def test_a_verb_that_is_two_words_keeps_both() -> None:
    texts = phrasings(Core("set up the toll table", "command"), key="x", limit=9)

    assert all("set up the toll table" in text.lower() for text in texts)
