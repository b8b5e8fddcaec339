"""Lighthouse's verdict on each page of the built site: medians of five runs, on a phone and not.

Lighthouse is no part of the environment. ``npm install --prefix FOLDER lighthouse``, then ``make
book`` and ``python benchmarks/lighthouse.py FOLDER [PAGE ...]``. Its times are those of a phone
four times slower than this machine, which should do nothing else meanwhile.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import statistics
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gumbel_lib.book.pdf import chromium

SITE = Path(__file__).parents[1] / "_build" / "html"
RUNS = 5
FLAGS = "--headless=new --no-sandbox --disable-gpu"
AUDITS = {
    "first paint, ms": "first-contentful-paint",
    "largest paint, ms": "largest-contentful-paint",
    "blocked, ms": "total-blocking-time",
    "shift": "cumulative-layout-shift",
    "kB": "total-byte-weight",
}


class Compressing(SimpleHTTPRequestHandler):
    """Serves a folder as the hosts of pages do: compressed, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with a file."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        packed = path.suffix not in (".png", ".woff")
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=600")
        if packed:
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def visit(lighthouse: Path, url: str, *options: str) -> list[float]:
    """The score of one run, and what it measured."""
    command = [lighthouse, url, "--quiet", "--output=json", "--only-categories=performance"]
    done = subprocess.run(
        [*command, f"--chrome-flags={FLAGS}", *options],
        env={**os.environ, "CHROME_PATH": chromium() or ""},
        capture_output=True,
        check=True,
        text=True,
    )
    report = json.loads(done.stdout)
    measured = [report["audits"][audit]["numericValue"] for audit in AUDITS.values()]
    measured[-1] /= 1000
    return [100 * report["categories"]["performance"]["score"], *measured]


def main() -> None:
    """Measure and print."""
    folder, *names = sys.argv[1:]
    names = names or sorted(path.stem for path in SITE.glob("chapters/*.html"))
    handler = functools.partial(Compressing, directory=str(SITE))
    print(f"{'page':24}{'on':9}{'score':>7}", *(f"{name:>18}" for name in AUDITS))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in names:
            url = f"http://127.0.0.1:{server.server_port}/chapters/{name}.html"
            for device, options in (("phone", []), ("desktop", ["--preset=desktop"])):
                lighthouse = Path(folder, "node_modules", ".bin", "lighthouse")
                runs = [visit(lighthouse, url, *options) for _ in range(RUNS)]
                score, *values = map(statistics.median, zip(*runs, strict=True))
                cells = (f"{value:18.4g}" for value in values)
                print(f"{name:24}{device:9}{score:7.0f}", *cells, flush=True)
        server.shutdown()


if __name__ == "__main__":
    main()
