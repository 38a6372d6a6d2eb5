#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls to servers that answer, and to those that do so badly: httpcall_test.py DRIVER. TAP."""
import os
import time

import fleet_rig
from fleet_rig import Server, bad, dead_url, drive, good
from http_rig import Certificates, Server as RawServer, proxy

CERTIFICATES = Certificates(str(fleet_rig.folder()))


def test_post():
    """POST carries body and headers, and no range"""
    with Server(lambda request: request.reply(201, "made", Retry_After=7)) as server:
        result = good(drive("call", url=f"{server.url}/v1/x?sig=a%2Fb", body='{"a":1}', header="X-Test: yes"))
        assert (result["status"], result["body"], result["retry_after"]) == (201, "made", 7), result
        request = server.requests[0]
        assert (request.command, request.path, request.text) == ("POST", "/v1/x?sig=a%2Fb", '{"a":1}')
        assert request.headers["X-Test"] == "yes" and "Range" not in request.headers, request.headers
        assert "Expect" not in request.headers, request.headers
        assert request.headers["User-Agent"].startswith("azupdate/"), request.headers


def test_get():
    """GET has no body; an empty answer is one"""
    with Server(lambda request: request.reply(204)) as server:
        result = good(drive("call", url=server.url))
        assert (result["status"], result["size"]) == (204, 0), result
        assert server.requests[0].command == "GET", server.requests[0].command


def test_empty_post():
    """an empty body is still POST"""
    with Server(lambda request: request.reply(200, "x")) as server:
        good(drive("call", url=server.url, body=""))
        assert server.requests[0].command == "POST", server.requests[0].command


def test_statuses():
    """a status is no failure, and a redirect is not followed"""
    with Server(lambda request: request.reply(int(request.path[1:]), "no", Location="/200")) as server:
        for status in (301, 307, 400, 404, 500, 503):
            result = good(drive("call", url=f"{server.url}/{status}", body="x"))
            assert (result["status"], result["body"]) == (status, "no"), result
        assert len(server.requests) == 6, server.requests


def test_credentials():
    """user and password of the address are sent, and never shown"""
    with Server(lambda request: request.reply(200)) as server:
        url = server.url.replace("//", "//me:s%40cret@")
        good(drive("call", url=url))
        assert server.requests[0].headers["Authorization"] == "Basic bWU6c0BjcmV0", server.requests[0].headers
    result = bad(drive("call", url=dead_url().replace("//", "//me:s%40cret@") + "?token=1"), "HTTP_CONNECT")
    assert "cret" not in result["text"] and "token" not in result["text"], result


def test_size():
    """an answer up to the limit is taken, a longer one is not, told or not"""
    def behave(request):
        size = int(request.path[2:])
        if request.path[1] == "t":
            return request.reply(200, "x" * size)
        request.raw("HTTP/1.1 200 x\r\nConnection: close\r\n\r\n", "x" * size)
        request.close_connection = True
    with Server(behave) as server:
        for kind in "tu":
            assert good(drive("call", url=f"{server.url}/{kind}5000", answer_max=5000))["size"] == 5000
            bad(drive("call", url=f"{server.url}/{kind}5001", answer_max=5000), "CALL_SIZE", "5000 bytes")


def test_endless():
    """an answer without end is cut off"""
    def behave(request):
        request.raw("HTTP/1.1 200 x\r\n\r\n")
        while True:
            request.raw(b"x" * 65536)
    with Server(behave) as server:
        bad(drive("call", url=server.url, time=60), "CALL_SIZE")


def test_endless_header():
    """a header without end is cut off"""
    def behave(request):
        request.raw("HTTP/1.1 200 x\r\n")
        while True:
            request.raw(*(f"X-{i}: {'y' * 90}\r\n" for i in range(100)))
    with Server(behave) as server:
        assert drive("call", url=server.url, time=60)["fault"] in ("HTTP_ANSWER", "HTTP_TRANSFER")


def test_slow():
    """whoever says nothing, or a byte at a time, has so long and no longer"""
    def drip(request):
        request.raw("HTTP/1.1 200 x\r\nContent-Length: 1000\r\n\r\n")
        while not request.server.closing.wait(0.1):
            request.raw("x")
    for behave in (lambda request: request.hang(), drip):
        with Server(behave) as server:
            began = time.monotonic()
            bad(drive("call", url=server.url, time=1), "CALL_TIME", "within 1 s")
            assert time.monotonic() - began < 30


def test_cancel():
    """a cancel ends it"""
    with Server(lambda request: request.hang()) as server:
        bad(drive("call", url=server.url, time=600, cancel=200), "JOB_CANCELLED")


def test_broken():
    """what is no whole answer is none"""
    cases = (("", "HTTP_TRANSFER"), ("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nshort", "HTTP_TRANSFER"),
             ("garbage\r\n\r\n", "HTTP_ANSWER"),
             ("HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "HTTP_ANSWER"))
    for text, fault in cases:
        def behave(connection, _request, text=text):
            connection.send(text)
            connection.close()
        with RawServer(behave) as server:
            bad(drive("call", url=server.url), fault)


def test_addresses():
    """an address that is none is refused"""
    for url in ("", "x", "ftp://host/", "file:///etc/passwd", "http://"):
        bad(drive("call", url=url), "HTTP_URL")
    bad(drive("call", url=dead_url()), "HTTP_CONNECT")


def test_tls():
    """TLS: the CA counts, the name counts, the client's certificate is shown"""
    seen = []

    def behave(connection, _request):
        seen.append(connection.sock.getpeercert())
        connection.answer(200, body=b"yes")
    ca = CERTIFICATES.at("ca.pem")
    with RawServer(behave, tls=CERTIFICATES.context("good", clients=True)) as server:
        assert good(drive("call", url=server.url, ca=ca))["body"] == "yes"
        good(drive("call", url=server.url, ca=ca, certificate=CERTIFICATES.at("client.pem"),
                   key=CERTIFICATES.at("client.key")))
        assert not seen[0] and "client" in str(seen[1]), seen
        bad(drive("call", url=server.url), "HTTP_TLS")
    with RawServer(behave, tls=CERTIFICATES.context("other")) as server:
        bad(drive("call", url=server.url, ca=ca), "HTTP_TLS")


def test_proxy():
    """a proxy is used, of the options or the environment"""
    with Server(lambda request: request.reply(200, "x")) as server, RawServer(proxy) as gate:
        good(drive("call", url=server.url, proxy=gate.url))
        good(drive("call", url=server.url, environment={"http_proxy": gate.url}))
        good(drive("call", url=server.url, proxy="", environment={"http_proxy": gate.url}))
        assert len(gate.requests) == 2 and len(server.requests) == 3, (gate.requests, server.requests)


if __name__ == "__main__":
    CERTIFICATES.make("good")
    CERTIFICATES.make("client")
    CERTIFICATES.make("other", host="elsewhere")
    os.umask(0o022)
    fleet_rig.run(globals())
