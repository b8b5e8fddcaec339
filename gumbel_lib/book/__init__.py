"""How the book shows things: style, figures, interactives, notebooks, the Sphinx side."""

import logging
import sys

# A slow machine would tell on stderr, which no notebook may hold, that it builds its font cache.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
# JSON Schema, which Altair imports, takes a second to prepare a check of addresses in documents.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
