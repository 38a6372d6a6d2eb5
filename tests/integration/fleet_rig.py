# SPDX-License-Identifier: MIT
"""What the tests of a fleet's servers share: a server that does what a function says with each
request and its body, the driver, TAP."""
import concurrent.futures
import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import traceback

DRIVER = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
# In memory where that can be: what is flushed here need not reach a disk.
WORLD = tempfile.TemporaryDirectory(prefix="azupdate-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
folders = iter(range(1000000))


def folder():
    """A new one, which goes when the test program does."""
    path = pathlib.Path(WORLD.name) / str(next(folders))
    path.mkdir()
    return path


def command(name, **options):
    return [DRIVER, name, *(f"{key}={value}" for key, value in options.items())]


def clean_environment(**more):
    return {**{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}, **more}


def drive(name, environment=None, **options):
    done = subprocess.run(command(name, **options), capture_output=True, text=True, timeout=120,
                          env=clean_environment(**(environment or {})))
    assert done.returncode == 0, f"the driver ends with {done.returncode}: {done.stderr}"
    return {**json.loads(done.stdout), "stderr": done.stderr}


def good(result):
    assert result["fault"] == "OK" and result["text"] == "", result
    return result


def bad(result, fault, *texts):
    assert result["fault"] == fault, f"expected {fault}: {result}"
    for text in texts:
        assert text in result["text"], f"{text!r} is not in {result['text']!r}"
    return result


class Handler(http.server.BaseHTTPRequestHandler):
    """One request: `text` is its body. The behaviour calls reply(), or writes what it likes."""

    protocol_version = "HTTP/1.1"

    def handle_request(self):
        self.text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.requests.append(self)
        with contextlib.suppress(OSError):
            self.server.behave(self)

    do_GET = do_POST = handle_request

    def reply(self, status=200, body="", **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, *parts):
        for part in parts:
            self.wfile.write(part.encode() if isinstance(part, str) else part)

    def hang(self):
        """Until the server is closed or the client has gone."""
        self.close_connection = True
        self.server.closing.wait(60)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, behave, tls=None, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.behave, self.requests, self.closing = behave, [], threading.Event()
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"https://localhost:{self.server_port}" if tls else f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()


def dead_url():
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def attempt(test):
    """What went wrong, or None."""
    try:
        return test()
    except Exception:  # whatever it is, the other tests go on
        return traceback.format_exc().strip().replace("\n", "\n# ")


def run(tests, side_by_side=3):
    """All functions whose names begin with test_; TAP. Most of them wait, so some run at a time."""
    tests = [each for name, each in tests.items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
        for number, (test, wrongs) in enumerate(zip(tests, pool.map(attempt, tests)), 1):
            print(f"{'not ok' if wrongs else 'ok'} {number} {test.__doc__.splitlines()[0]}", flush=True)
            if wrongs:
                failed += 1
                print(f"# {wrongs}", flush=True)
    WORLD.cleanup()
    sys.exit(failed > 0)
