"""The table as bars: a group for each row, as long as its largest value, with the figure at the end of each bar."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.rows import LIMIT, OURS, PLAIN, Row, figure

COLORS = {OURS: "#1f6feb", PLAIN: "#9aa4af", LIMIT: "#3fb68b"}
LABELS = {OURS: "cxpack", PLAIN: "plain app (FastAPI)", LIMIT: "limit (bare ASGI, handler or CDK app)"}
WIDTH, MARGIN, NAMES, VALUES = 1100, 24, 400, 150
BAR, GAP, TEXT = 14, 14, 14


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG of the rows that have someone to be compared with."""
    from PIL import Image, ImageDraw, ImageFont

    compared = [row for row in rows if len(row.values) > 1]
    height = 2 * MARGIN + TEXT + GAP + sum(len(row.values) * BAR + GAP for row in compared)
    image = Image.new("RGB", (WIDTH, height), "white")
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(TEXT)
    x, y = MARGIN, MARGIN
    for contender, label in LABELS.items():
        canvas.rectangle((x, y, x + BAR, y + BAR), COLORS[contender])
        canvas.text((x + BAR + 6, y - 1), label, "black", font)
        x += BAR + 40 + int(font.getlength(label))
    y += TEXT + GAP
    for row in compared:
        canvas.text((MARGIN, y + (len(row.values) * BAR - TEXT) // 2 - 2), row.name, "black", font)
        longest = max(row.median(contender) or 0 for contender in row.values)
        for contender in row.values:
            median = row.median(contender) or 0
            end = MARGIN + NAMES + int((WIDTH - 2 * MARGIN - NAMES - VALUES) * median / longest)
            canvas.rectangle((MARGIN + NAMES, y + 1, end, y + BAR - 1), COLORS[contender])
            canvas.text((end + 6, y - 2), f"{figure(median)} {row.unit}", "black", font)
            y += BAR
        y += GAP
    image.save(path, optimize=True)
