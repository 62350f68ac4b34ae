"""`python -m zdtrace.charts`: writes the templates of all pictures into `reports/pictures` of a checkout."""

from __future__ import annotations

import json
from pathlib import Path

from zdtrace.charts import HISTORY, PICTURES

_FOLDER = Path(__file__).parents[2] / "reports" / "pictures"


def main() -> None:
    """Draw each picture anew; read what changed as a diff."""
    _FOLDER.mkdir(exist_ok=True)
    for picture in (*PICTURES.values(), HISTORY):
        text = json.dumps(picture.template(), ensure_ascii=False, indent=1, sort_keys=True)
        (_FOLDER / f"{picture.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
