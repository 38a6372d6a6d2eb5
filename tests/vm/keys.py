# SPDX-License-Identifier: MIT
"""Secure Boot keys made for one test run, and signing with them."""
import os
import subprocess


class Key:
    def __init__(self, folder, name):
        self.key = os.path.join(folder, name + ".key")
        self.certificate = os.path.join(folder, name + ".crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256",
                        "-days", "3650", "-subj", f"/CN=azupdate test {name}/", "-keyout", self.key,
                        "-out", self.certificate], check=True, stderr=subprocess.DEVNULL)

    def der(self):
        return subprocess.check_output(["openssl", "x509", "-in", self.certificate,
                                        "-outform", "DER"])

    def sign(self, source, target):
        result = subprocess.run(["sbsign", "--key", self.key, "--cert", self.certificate,
                                 "--output", target, source], capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"sbsign: {result.stderr}")
