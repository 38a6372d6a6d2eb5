# SPDX-License-Identifier: MIT
"""A web server on the loopback that counts: what was fetched is what its log says it sent."""
import os
import socket
import subprocess
import time

from measure import PATH, Failed

CONFIG = """daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; {modules}
events {{ worker_connections 512; }}
http {{
	client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
	uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
	log_format sizes '$status $body_bytes_sent $request_uri'; access_log {at}/access.log sizes;
	keepalive_requests 100000; sendfile on; server_tokens off; max_ranges 1024;
	server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def port_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Web:
    """with Web(folder to serve, folder for its own files) as web: ... web.counted()"""

    def __init__(self, root, at):
        self.root, self.at, self.port = root, at, port_free()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.at.mkdir(parents=True, exist_ok=True)
        self.log = self.at / "access.log"
        self.log.unlink(missing_ok=True)
        config = self.at / "nginx.conf"
        config.write_text(CONFIG.format(at=self.at, root=self.root, port=self.port, modules=""))
        self.process = subprocess.Popen(["nginx", "-c", config, "-p", self.at],
                                        env={**os.environ, "PATH": PATH}, stderr=subprocess.DEVNULL)
        self.wait()
        return self

    def wait(self):
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Failed("nginx does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def counted(self):
        """(requests, bytes of bodies) so far, without answers that something is not there."""
        time.sleep(0.2)
        rows = [line.split(" ", 2) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return len(rows), sum(int(size) for status, size, _ in rows if status in ("200", "206"))
