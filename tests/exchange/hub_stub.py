"""A hub of this machine's own, as far as a push asks it: it takes repositories and files, and keeps them."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """A server; `status` other than 200 refuses all that is asked.

    Attributes:
        made: what was asked for each repository, by name.
        files: by repository (with `datasets/` before those of datasets), each file's content by name.
        tokens: that came with the requests.
    """

    def __init__(self) -> None:
        self.status = 200
        self.made: dict[str, dict] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.tokens: set[str | None] = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is reached."""
        return "http://{}:{}".format(*self.server.server_address[:2])

    def end(self) -> None:
        """Answer no more."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, body: bytes) -> dict | None:
        """What a request is answered with; None where this hub knows nothing of the kind."""
        if path == "/api/repos/create":
            asked = json.loads(body)
            owner, name = asked.get("organization") or "nobody", asked["name"]
            self.made[f"{owner}/{name}"] = asked
            kind = "datasets/" if asked.get("type") == "dataset" else ""
            return {"url": f"{self.address}/{kind}{owner}/{name}", "name": f"{owner}/{name}"}
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        kind, owner, name, *what = path.removeprefix("/api/").split("/")
        if what == ["preupload", "main"]:
            files = [file["path"] for file in json.loads(body)["files"]]
            return {"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in files]}
        if what == ["commit", "main"]:
            kept = self.files.setdefault(f"{'datasets/' if kind == 'datasets' else ''}{owner}/{name}", {})
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    kept[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return {"commitUrl": f"{self.address}/{owner}/{name}/commit/0", "commitOid": "0" * 40}
        return None

    def _handler(hub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hub.tokens.add(self.headers.get("Authorization"))
                found = hub.answer(self.path.partition("?")[0], body) if hub.status == 200 else {}
                content = json.dumps({"error": "not found"} if found is None else found).encode()
                self.send_response(404 if found is None else hub.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        return Handler
