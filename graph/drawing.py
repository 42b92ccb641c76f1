"""
The module map: one picture that holds a whole repository, as SVG or as one HTML page that answers the mouse.

Modules stand on a circle, neighbours in the tree of folders beside each other, sized by their lines and coloured by
where they belong. Imports run through the inside, drawn together along the tree they share (hierarchical edge bundling,
D. Holten, 2006), so that the thick strands are what one part of the repository uses of another.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from graph.values import Catalog, ModuleCard

COLOURS = ("#d1495b", "#00798c", "#edae49", "#5b5f97", "#66a182", "#b8572f", "#8d5a97", "#2e86ab", "#7d8c3c", "#a23b72")
OTHERS = "#8a8f98"
MOST_EDGES = 900
_BUNDLING = 0.86
_LONGEST_LABEL = 34
_LABEL = 5.3

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """
    Where a module stands: its angle, clockwise from the top, and its part of the repository.
    """

    angle: float
    group: str


def draw_svg(catalog: Catalog) -> str:
    """
    Draw the module map of a catalog as one SVG. The same catalog always gives the same picture.
    """
    groups = group_modules(catalog.module_ids)
    places = _places(catalog, groups)
    colours = _colours(groups)
    lines: Counter[str] = Counter()
    for file in catalog.files:
        lines[file.module] += file.lines
    radius = max(300.0, len(places) * 14.0 / math.tau)
    margin = 24 + _LABEL * max((len(_short(id)) for id in places), default=0)
    half = radius + margin
    box = f"{-half:.0f} {-half:.0f} {2 * half:.0f} {2 * half:.0f}"
    body = [
        f'<svg class="map" xmlns="http://www.w3.org/2000/svg" viewBox="{box}" '
        f'font-family="Inter, system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="11">',
        f"<title>Module map of {escape(catalog.repository)}</title>",
        '<g class="arcs">',
        *_arcs(places, colours, radius),
        '</g><g class="edges" fill="none">',
        *_edges(catalog, places, colours, radius),
        '</g><g class="modules">',
        *(_module(card, places[card.id], colours, radius, lines) for card in catalog.modules),
        "</g></svg>",
    ]
    return "\n".join(body)


def draw_html(catalog: Catalog) -> str:
    """
    Draw the module map as one self-contained page: pointing at a module shows its card and only its imports.
    """
    lines: Counter[str] = Counter()
    for file in catalog.files:
        lines[file.module] += file.lines
    cards = {
        card.id: {
            "title": card.title,
            "purpose": card.purpose,
            "files": len(card.files),
            "lines": lines[card.id],
            "symbols": list(card.symbols[:6]),
            "owners": list(card.owners),
            "uses": [id for id, _ in card.imports],
            "usedBy": [id for id, _ in card.imported_by],
        }
        for card in catalog.modules
    }
    groups = group_modules(catalog.module_ids)
    colours = _colours(groups)
    sizes: Counter[str] = Counter()
    for group in groups.values():
        sizes[group if colours[group] != OTHERS else "others"] += 1
    legend = "".join(
        f'<li><i style="background:{colours.get(group, OTHERS)}"></i>{escape(group)} <b>{sizes[group]}</b></li>'
        for group in [*(group for group in colours if group in sizes), *(["others"] if sizes["others"] else [])]
    )
    page = files("graph").joinpath("map.html").read_text(encoding="utf-8")
    parts = {
        "{{repository}}": escape(catalog.repository),
        "{{commit}}": escape(catalog.commit[:12]),
        "{{counts}}": f"{len(catalog.modules)} modules, {len(catalog.files):,} files, {sum(lines.values()):,} lines",
        "{{legend}}": legend,
        "{{cards}}": json.dumps(cards, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c"),
        "{{map}}": draw_svg(catalog),
    }
    for mark, text in parts.items():
        page = page.replace(mark, text)
    return page


def group_modules(ids: Sequence[str]) -> dict[str, str]:
    """
    Say which part of the repository each module belongs to: the first folder of its id, or the first two where one
    folder would hold more than half of all.

    >>> group_modules(["core/a", "core/b", "web"])
    {'core/a': 'core/a', 'core/b': 'core/b', 'web': 'web'}
    >>> group_modules(["core/a/x", "core/a/y", "core/b", "web/a", "web/b", "web/c"])["core/a/x"]
    'core'
    """
    depth = Counter(id.split("/", 1)[0] for id in ids)
    return {id: "/".join(id.split("/")[: 2 if depth[id.split("/", 1)[0]] > len(ids) / 2 else 1]) for id in sorted(ids)}


def _colours(groups: Mapping[str, str]) -> dict[str, str]:
    counts = Counter(groups.values())
    largest = sorted(counts, key=lambda group: (-counts[group], group))
    return {group: COLOURS[at] if at < len(COLOURS) else OTHERS for at, group in enumerate(largest)}


def _places(catalog: Catalog, groups: Mapping[str, str]) -> dict[str, _Place]:
    ids = sorted(catalog.module_ids, key=lambda id: (groups[id], id))
    gaps = len({groups[id] for id in ids})
    step = math.tau / (len(ids) + 0.8 * gaps)
    places: dict[str, _Place] = {}
    angle = 0.0
    for at, id in enumerate(ids):
        if at and groups[id] != groups[ids[at - 1]]:
            angle += 0.8 * step
        places[id] = _Place(angle, groups[id])
        angle += step
    return places


def _at(angle: float, radius: float) -> Point:
    return radius * math.sin(angle), -radius * math.cos(angle)


def _arcs(places: Mapping[str, _Place], colours: Mapping[str, str], radius: float) -> list[str]:
    ends: dict[str, list[float]] = defaultdict(list)
    for place in places.values():
        ends[place.group].append(place.angle)
    half = math.tau / max(len(places), 8) / 2.6
    arcs = []
    for group, angles in ends.items():
        (x, y), (u, v) = _at(min(angles) - half, radius), _at(max(angles) + half, radius)
        long = int(max(angles) - min(angles) > math.pi)
        arcs.append(
            f'<path d="M{x:.1f} {y:.1f}A{radius:.0f} {radius:.0f} 0 {long} 1 {u:.1f} {v:.1f}" fill="none" '
            f'stroke="{colours[group]}" stroke-width="3" stroke-linecap="round" opacity=".35"/>'
        )
    return arcs


def _edges(catalog: Catalog, places: Mapping[str, _Place], colours: Mapping[str, str], radius: float) -> list[str]:
    pairs = [(count, card.id, id) for card in catalog.modules for id, count in card.imports if id in places]
    strongest = sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:MOST_EDGES]
    middles = _middles(places, radius)
    faint = min(0.5, 7 / math.sqrt(len(strongest) + 1))
    return [
        f'<path data-from="{escape(source)}" data-to="{escape(target)}" stroke="{colours[places[source].group]}" '
        f'stroke-width="{0.7 + 0.55 * math.log2(count):.2f}" opacity="{faint:.2f}" '
        f'd="{_bundle(_way(source, target, places, middles, radius))}"/>'
        for count, source, target in reversed(strongest)
    ]


def _middles(places: Mapping[str, _Place], radius: float) -> dict[str, Point]:
    """
    Give each folder of ids a point inside the circle, nearer to its edge the deeper it is.
    """
    below: dict[str, list[float]] = defaultdict(list)
    for id, place in places.items():
        parts = (place.group, *_folders(id, place.group))
        for folder in dict.fromkeys(parts):
            below[folder].append(place.angle)
    middles = {"": (0.0, 0.0)}
    for folder, angles in below.items():
        depth = 1 + folder.count("/")
        middles[folder] = _at(sum(angles) / len(angles), radius * (1 - 1 / (1 + 0.62 * depth)))
    return middles


def _folders(id: str, group: str) -> list[str]:
    parts = id.split("/")
    return [folder for size in range(1, len(parts)) if len(folder := "/".join(parts[:size])) > len(group)]


def _way(
    source: str, target: str, places: Mapping[str, _Place], middles: Mapping[str, Point], radius: float
) -> list[Point]:
    ups = [places[source].group, *_folders(source, places[source].group)]
    downs = [places[target].group, *_folders(target, places[target].group)]
    common = 0
    while common < min(len(ups), len(downs)) and ups[common] == downs[common]:
        common += 1
    top = ups[common - 1] if common else ""
    names = [*reversed(ups[common:]), top, *downs[common:]]
    ends = _at(places[source].angle, radius - 7), _at(places[target].angle, radius - 7)
    points = [ends[0], *(middles[name] for name in names), ends[1]]
    last = len(points) - 1
    straight = [
        (ends[0][0] + (ends[1][0] - ends[0][0]) * at / last, ends[0][1] + (ends[1][1] - ends[0][1]) * at / last)
        for at in range(last + 1)
    ]
    return [
        (_BUNDLING * x + (1 - _BUNDLING) * u, _BUNDLING * y + (1 - _BUNDLING) * v)
        for (x, y), (u, v) in zip(points, straight, strict=True)
    ]


def _bundle(points: Sequence[Point]) -> str:
    """
    Write a uniform cubic B-spline through the neighbourhood of *points*, from the first to the last one.
    """
    (x, y), *_ = points
    text = [f"M{x:.1f} {y:.1f}"]
    padded = [points[0], points[0], *points, points[-1], points[-1]]
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        one = (2 * b[0] + c[0]) / 3, (2 * b[1] + c[1]) / 3
        two = (b[0] + 2 * c[0]) / 3, (b[1] + 2 * c[1]) / 3
        end = (b[0] + 4 * c[0] + d[0]) / 6, (b[1] + 4 * c[1] + d[1]) / 6
        if a != d:
            text.append(f"C{one[0]:.1f} {one[1]:.1f} {two[0]:.1f} {two[1]:.1f} {end[0]:.1f} {end[1]:.1f}")
    return "".join(text)


def _module(
    card: ModuleCard, place: _Place, colours: Mapping[str, str], radius: float, lines: Mapping[str, int]
) -> str:
    x, y = _at(place.angle, radius)
    size, colour = min(11.0, 2.2 + math.sqrt(lines[card.id]) / 11), colours[place.group]
    left = place.angle > math.pi
    turn = math.degrees(place.angle) - (270 if left else 90)
    u, v = _at(place.angle, radius + 15)
    parent, _, last = _short(card.id).rpartition("/")
    dim = f'<tspan opacity=".5">{escape(parent)}/</tspan>' if parent else ""
    return (
        f'<g class="module" data-id="{escape(card.id)}" data-group="{escape(place.group)}">'
        f"<title>{escape(card.id)}: {escape(card.purpose)}</title>"
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{colour}" stroke="#fff" stroke-width="1"/>'
        f'<text transform="translate({u:.1f} {v:.1f}) rotate({turn:.1f})" dy=".33em" '
        f'text-anchor="{"end" if left else "start"}" fill="#2b2f36">{dim}{escape(last)}</text></g>'
    )


def _short(id: str) -> str:
    if len(id) <= _LONGEST_LABEL:
        return id
    parts = id.split("/")
    while len(parts) > 2 and len("/".join(parts)) + 2 > _LONGEST_LABEL:
        del parts[1]
    short = f"{parts[0]}/…/{'/'.join(parts[1:])}" if len(parts) > 1 else parts[0]
    return short if len(short) <= _LONGEST_LABEL + 8 else short[: _LONGEST_LABEL + 7] + "…"
