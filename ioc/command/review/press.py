"""HTML on standard input, PDF on standard output: a program of its own that knows nothing of the product.

Drawing a report takes seconds of processor time: in the web process it would hold up every screen.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import Any

MISSING = 3  # exit status: a library is not there


def press(html: str) -> bytes:
    """The document, its fonts subset and embedded; nothing is fetched. Raises ImportError, OSError without Pango."""
    import weasyprint

    def nothing(url: str, *_args: Any, **_kwargs: Any) -> Any:
        raise ValueError(f"a report fetches nothing: {url[:80]}")

    identifier = hashlib.sha256(html.encode()).hexdigest()[:32].encode()
    document: Any = weasyprint.HTML(string=html, url_fetcher=nothing)
    made: bytes = document.write_pdf(pdf_identifier=identifier)
    return made


def main() -> int:
    os.nice(10)  # screens first
    try:
        body = press(sys.stdin.buffer.read().decode())
    except (ImportError, OSError) as e:
        sys.stderr.write(str(e))
        return MISSING
    sys.stdout.buffer.write(body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
