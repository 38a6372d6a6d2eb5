# SPDX-License-Identifier: MIT
"""Servers for http_test.py: one that does what a function says, a proxy, nginx, certificates."""
import contextlib
import http.client
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

ETAG = '"first"'


class Request:
    """One request as it came: method, target, headers in lower case, first and last byte asked for."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in
                        (line.partition(":") for line in lines[1:] if line)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        self.first = int(asked[1]) if asked else None
        self.last = int(asked[2]) if asked and asked[2] else None


class Connection:
    """What a behaviour writes to. `sent` counts the bytes of bodies."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock

    def send(self, *parts):
        self.sock.sendall(b"".join(part if isinstance(part, bytes) else part.encode() for part in parts))

    def answer(self, status, *headers, body=b"", length=None):
        lines = [f"HTTP/1.1 {status} x", *headers, f"Content-Length: {len(body) if length is None else length}"]
        self.send("\r\n".join(lines), "\r\n\r\n", body)

    def part(self, request, data, *headers, etag=ETAG, **options):
        """The right answer, or with other headers a wrong one."""
        last = len(data) - 1 if request.last is None else min(request.last, len(data) - 1)
        if request.first >= len(data):
            return self.answer(416, f"Content-Range: bytes */{len(data)}")
        headers = headers or (f"Content-Range: bytes {request.first}-{last}/{len(data)}",)
        if etag:
            headers += (f"ETag: {etag}",)
        body = options.pop("body", data[request.first:last + 1])
        self.server.sent += len(body)
        return self.answer(206, *headers, body=body, **options)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        raise ConnectionAbortedError


class Server:
    """behave(connection, request) for each request, on a port of loopback, with TLS if `tls`.

    `greeting` is sent before anything was asked."""

    def __init__(self, behave, tls=None, port=0, greeting=b""):
        self.behave, self.tls, self.requests, self.sent, self.state = behave, tls, [], 0, {}
        self.greeting = greeting
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.host = f"localhost:{self.port}" if tls else f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self.sockets = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in list(self.sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        self.sockets.add(sock)
        with contextlib.suppress(OSError, ssl.SSLError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self.sockets.add(sock)
            sock.sendall(self.greeting)
            self.converse(sock)
        with contextlib.suppress(OSError):
            sock.close()

    def converse(self, sock):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                got = sock.recv(65536)
                if not got:
                    return
                data += got
            head, _, data = data.partition(b"\r\n\r\n")
            request = Request(head)
            with self.lock:
                self.requests.append(request)
                request.number = len(self.requests)
            self.behave(Connection(self, sock), request)


def pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def proxy(connection, request):
    """CONNECT, and GET of a whole URL."""
    if request.method == "CONNECT":
        host, port = request.target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as upstream:
            connection.send("HTTP/1.1 200 x\r\n\r\n")
            threading.Thread(target=pump, args=(connection.sock, upstream), daemon=True).start()
            pump(upstream, connection.sock)
        return connection.close()
    found = re.fullmatch(r"http://([^/]+)(/.*)", request.target)
    upstream = http.client.HTTPConnection(found[1])
    upstream.request("GET", found[2], headers={name: request.headers[name] for name in ("range", "if-range")
                                               if name in request.headers})
    with upstream.getresponse() as response:
        headers = [f"{name}: {value}" for name, value in response.getheaders() if name != "Content-Length"]
        connection.answer(response.status, *headers, body=response.read())
    return upstream.close()


class Certificates:
    """A CA and certificates of it, made now."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", self.at("ca.key"), "-out", self.at("ca.pem"), "-days", "2", "-subj", "/CN=ca")

    def at(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def make(self, name, *words, host="localhost"):
        """A pair of name.pem and name.key, signed by the CA; `words` are for openssl."""
        with open(self.at("ext"), "w", encoding="ascii") as out:
            out.write(f"subjectAltName=DNS:{host}\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                     self.at(f"{name}.key"), "-out", self.at("csr"), "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", self.at("csr"), "-CA", self.at("ca.pem"), "-CAkey",
                     self.at("ca.key"), "-CAcreateserial", "-extfile", self.at("ext"), "-out",
                     self.at(f"{name}.pem"), *(words or ("-days", "2")))

    def context(self, name, clients=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.at(f"{name}.pem"), self.at(f"{name}.key"))
        if clients:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.at("ca.pem"))
        return context


@contextlib.contextmanager
def nginx(folder, certificates):
    """Serves `folder` as HTTP/1.1 and, over TLS, as HTTP/2; yields both URLs and the log's path."""
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            ports.append(probe.getsockname()[1])
    paths = "".join(f"{kind}_temp_path {folder}/temp;\n"
                    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{folder}/nginx.conf", "w", encoding="ascii") as out:
        out.write(f"daemon off; master_process off; pid {folder}/pid;\nevents {{}}\n"
                  f"http {{ {paths} log_format p '$server_protocol $status'; access_log {folder}/access.log p;\n"
                  f"root {folder}; keepalive_requests 10000;\n"
                  f"server {{ listen 127.0.0.1:{ports[0]}; }}\n"
                  f"server {{ listen 127.0.0.1:{ports[1]} ssl http2; ssl_certificate {certificates.at('good.pem')};"
                  f" ssl_certificate_key {certificates.at('good.key')}; }} }}\n")
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"],
                               stderr=subprocess.DEVNULL)
    try:
        for port in ports:
            await_port(port, process)
        yield f"http://127.0.0.1:{ports[0]}", f"https://localhost:{ports[1]}", f"{folder}/access.log"
    finally:
        process.terminate()
        process.wait()


def await_port(port, process):
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("nginx does not listen")
