#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The HTTP source against servers that misbehave, a proxy, and nginx: http_test.py DRIVER. TAP.

Each case ends with the right bytes or with a fault that names what is wrong."""
import concurrent.futures
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

from http_rig import Certificates, Connection, ETAG, Server, nginx, proxy

DRIVER = os.path.abspath(sys.argv[1])
QUICK = {"retry_first": 2, "retry_most": 20, "retry_time": 1, "greet_time": 1, "slow_time": 30}
DATA = random.Random(1).randbytes(4_000_000)
SPREAD = [(offset, 1000) for offset in range(0, len(DATA) - 1000, 200_000)]
WHOLE = [(0, len(DATA))]
WORLD = tempfile.TemporaryDirectory()
CERTIFICATES = Certificates(WORLD.name)


def drive(url, ranges, environment=None, **options):
    words = [f"{name}={value}" for name, value in {**QUICK, **options}.items()]
    words += [f"{offset}:{size}" for offset, size in ranges]
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([DRIVER, url, *words], capture_output=True, text=True, timeout=120,
                          env={**clean, **(environment or {})})
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def digest(ranges, data=DATA):
    return hashlib.sha256(b"".join(data[at:at + size] for at, size in ranges)).hexdigest()


def right(result, ranges, data=DATA):
    assert result["fault"] == "OK", result
    assert result["sha256"] == digest(ranges, data), f"wrong bytes: {result}"
    return result


def wrong(result, fault, text=""):
    assert result["fault"] == fault and text in result["text"], f"expected {fault} {text}: {result}"
    return result


def good(connection, request):
    connection.part(request, DATA)


def answering(*headers, status=206, body=b"", length=None):
    return lambda connection, request: connection.answer(status, *headers, body=body, length=length)


def first_time(server, request):
    """Whether nobody has asked for something that begins in this piece before."""
    with server.lock:
        seen = server.state.setdefault("seen", set())
        key = request.first if "piece" not in server.state else request.first // server.state["piece"]
        known = key in seen
        seen.add(key)
        return not known


def test_order():
    """ranges in any order, announced or not, in chunks of any size"""
    shuffled = SPREAD[:]
    random.Random(2).shuffle(shuffled)
    overlapping = [(0, 3_000_000), (2_000_000, 10), (1_999_990, 2_000_010), (5, 1)]
    with Server(good) as server:
        for ranges in (SPREAD, WHOLE, shuffled, overlapping):
            for schedule in (0, 1):
                for options in ({}, {"parallel": 1}, {"parallel": 8, "chunk": 777}):
                    result = right(drive(server.url, ranges, schedule=schedule, **options), ranges)
                    assert result["retries"] == 0 and result["total"] == len(DATA), result


def test_frugal():
    """what was announced is asked for once, and nothing else; no byte is sent for nothing"""
    with Server(good) as server:
        result = right(drive(server.url, SPREAD), SPREAD)
        assert result["requests"] == len(SPREAD), result
        assert result["fetched"] == server.sent == sum(size for _, size in SPREAD), (result, server.sent)
        asked = sorted((request.first, request.last) for request in server.requests)
        assert asked == [(at, at + size - 1) for at, size in SPREAD], asked


def test_in_flight():
    """several requests are on the way at once, and not more than allowed"""
    def behave(connection, request):
        state = connection.server.state
        with connection.server.lock:
            state["now"] = state.get("now", 0) + 1
            state["most"] = max(state.get("most", 0), state["now"])
        time.sleep(0.01)
        with connection.server.lock:
            state["now"] -= 1
        connection.part(request, DATA)
    for parallel in (1, 3, 8):
        with Server(behave) as server:
            right(drive(server.url, SPREAD, parallel=parallel), SPREAD)
            most = server.state["most"]
            assert most <= parallel and (most > 1) == (parallel > 1), f"{most}, not {parallel}"


def test_stream_alone():
    """a range that is too long to be cut waits until nothing else is on the way, and then is alone"""
    def behave(connection, request):
        state, long = connection.server.state, request.last - request.first > 1_000_000
        with connection.server.lock:
            before = state.setdefault("now", 0)
            state["now"] += 1
        connection.part(request, DATA, body=b"", length=request.last - request.first + 1)
        time.sleep(0.3 if long else 0.02)
        with connection.server.lock:
            if long:
                state["alone"] = before == 0 and state["now"] == 1 and request.number == len(connection.server.requests)
            state["now"] -= 1
        connection.send(DATA[request.first:request.last + 1])
    ranges = [(at * 100, 50) for at in range(1100)] + [(500_000, 3_000_000), (3_900_000, 1000), (3_950_000, 1000)]
    with Server(behave) as server:
        result = right(drive(server.url, ranges, parallel=8), ranges)
        assert server.state.get("alone") and result["requests"] == len(ranges), (server.state, result)


def test_truncated():
    """an answer that breaks off anywhere is gone on with at the missing byte"""
    head = f"HTTP/1.1 206 x\r\nContent-Range: bytes 0-99999/{len(DATA)}\r\nContent-Length: 100000\r\n\r\n"
    for cut in (0, 1, 12, 16, 40, len(head) - 2, len(head), len(head) + 1, len(head) + 50_000, len(head) + 99_999):
        for end in (Connection.close, Connection.reset):
            def behave(connection, request):
                if request.number == 1:
                    connection.send((head.encode() + DATA[:100_000])[:cut])
                    time.sleep(0.02)  # a reset may overtake what was sent
                    end(connection)
                connection.part(request, DATA)
            with Server(behave) as server:
                result = right(drive(server.url, [(0, 100_000)]), [(0, 100_000)])
                got = max(cut - len(head), 0)
                assert (server.requests[1].first == got and result["retries"] == 1) or \
                    (cut == 0 and result["retries"] <= 1), (cut, result)


def test_truncated_always():
    """half of what is asked for, each time, over all pieces"""
    def behave(connection, request):
        last = request.last if request.last is not None else len(DATA) - 1
        half = DATA[request.first:request.first + max((last - request.first + 1) // 2, 1)]
        connection.part(request, DATA, f"Content-Range: bytes {request.first}-{last}/{len(DATA)}", body=half,
                        length=last - request.first + 1)
        connection.close()
    with Server(behave) as server:
        ranges = [(0, 1000), (500_000, 2000)]
        result = right(drive(server.url, ranges, retry_time=30), ranges)
        assert result["fetched"] == 3000, result
    with Server(lambda connection, request: connection.close()) as server:
        result = wrong(drive(server.url, [(0, 10)]), "HTTP_TRANSFER", "given up after 1 s")
        assert result["retries"] > 2, result
        if "WORKER" in os.environ:      # which tells ten in a second at most
            assert 0 < result["waits"] <= min(result["retries"], 20), result
        else:
            assert result["waits"] == result["retries"], result


def test_wrong_answers():
    """a range that is not the one asked for, or contradicts itself"""
    total = len(DATA)
    for headers, options in (
            ((), {}),
            ((f"Content-Range: bytes 0-998/{total}",), {}),
            ((f"Content-Range: bytes 0-1000/{total}",), {"length": 1001}),
            ((f"Content-Range: bytes 1-1000/{total}",), {}),
            ((f"Content-Range: bytes 0-999/{total}",), {"length": 999}),
            ((f"Content-Range: bytes 0-999/{total}",), {"length": 1001}),
            (("Content-Range: bytes 0-999/999",), {}),
            ((f"Content-Range: lines 0-999/{total}",), {}),
            ((f"Content-Range: bytes 0-999/{total}", "Content-Encoding: gzip"), {}),
            (("Content-Type: multipart/byteranges; boundary=x",), {})):
        with Server(answering(*headers, body=DATA[:1000], **options)) as server:
            result = wrong(drive(server.url, [(0, 1000)]), "HTTP_ANSWER")
            assert result["retries"] == 0 and result["requests"] == 1, result


def test_not_http():
    """what is no HTTP at all, or has no end"""
    def endless(*parts):
        def behave(connection, request):
            connection.send(*parts[:-1])
            while True:
                connection.send(parts[-1] * 100)
        return behave
    for behave in (endless("HTTP/1.1 206 x\r\n", "X: y\r\n"), endless("HTTP/1.1 206 x\r\nX: ", "yyyy"),
                   endless("HTTP/1.1 100 Continue\r\n\r\n"), endless("HTTP/1.1 206 x\r\nX:\r\n", " folded\r\n"),
                   endless("garbage")):
        with Server(behave) as server:
            result = wrong(drive(server.url, [(0, 1000)]), "HTTP_ANSWER")
            assert result["requests"] == 1 and result["fetched"] == 0, result


def test_endless_body():
    """a body without an end is cut where the range ends"""
    def endless(head):
        def behave(connection, request):
            connection.send(head, "Transfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(DATA), 1000):
                connection.send("3e8\r\n", DATA[at:at + 1000], "\r\n")
            while True:
                connection.send("400\r\n", bytes(1024), "\r\n")
        return behave
    for head in (f"HTTP/1.1 206 x\r\nContent-Range: bytes 0-299999/{len(DATA)}\r\n",
                 "HTTP/1.1 206 x\r\nContent-Range: bytes 0-299999/*\r\n", "HTTP/1.1 200 x\r\n"):
        with Server(endless(head)) as server:
            result = right(drive(server.url, [(0, 300_000)]), [(0, 300_000)])
            assert result["requests"] == 1 and result["fetched"] < 2_000_000, result


def test_no_ranges():
    """a server without ranges: one stream in order, or a fault"""
    def behave(connection, request):
        connection.answer(200, body=DATA)
    with Server(behave) as server:
        result = right(drive(server.url, WHOLE), WHOLE)
        assert result["requests"] <= 4 and result["total"] == len(DATA), result
        gaps = [(0, 1000), (3_000_000, 1000)]
        right(drive(server.url, gaps, schedule=0), gaps)
        wrong(drive(server.url, [(10, 10)]), "HTTP_RANGE")
        wrong(drive(server.url, [(0, 1000), (10, 10)], schedule=0), "HTTP_RANGE")


def test_small_answers():
    """a server may give less than was asked for, if it is worth a request"""
    def capped(size):
        return lambda connection, request: connection.part(
            request, DATA, f"Content-Range: bytes {request.first}-{min(request.last, request.first + size - 1)}"
            f"/{len(DATA)}", body=DATA[request.first:min(request.last, request.first + size - 1) + 1])
    with Server(capped(100_000)) as server:
        result = right(drive(server.url, WHOLE), WHOLE)
        assert result["retries"] == 0 and result["fetched"] == len(DATA), result
    with Server(capped(1)) as server:
        wrong(drive(server.url, WHOLE), "HTTP_TRANSFER", "less than was asked for")


def test_ends():
    """reading behind the end, and files that are empty"""
    with Server(good) as server:
        wrong(drive(server.url, [(len(DATA) - 5, 10)]), "BUNDLE_TRUNCATED", f"byte {len(DATA)}")
        wrong(drive(server.url, [(len(DATA), 1)]), "BUNDLE_TRUNCATED")
        wrong(drive(server.url, [(len(DATA) + 10**12, 1)], schedule=0), "BUNDLE_TRUNCATED")
        wrong(drive(server.url, [(2**64 - 5, 10)], schedule=0), "BUNDLE_RANGE")
    for empty in (answering("Content-Range: bytes */0", status=416), answering(status=200), answering(status=416)):
        with Server(empty) as server:
            wrong(drive(server.url, [(0, 1)]), "BUNDLE_TRUNCATED")


def redirecting(target, hops=1):
    """`hops` redirects, the last one to `target`; then the file."""
    def behave(connection, request):
        number = int(request.target.rpartition("/")[2])
        if number == hops:
            return connection.part(request, DATA)
        return connection.answer(302, f"Location: {target if number + 1 == hops else f'/{number + 1}'}", body=b"moved")
    return behave


def test_redirects():
    """three redirects are followed, and then forgotten; more, loops and other schemes are not"""
    with Server(redirecting("/3", hops=3)) as server:
        result = right(drive(f"{server.url}/0", SPREAD, parallel=1), SPREAD)
        assert result["requests"] == len(SPREAD) + 3, result
    with Server(redirecting("/4", hops=4)) as server:
        wrong(drive(f"{server.url}/0", SPREAD, parallel=1), "HTTP_REDIRECT", "more than 3")
    for location in ("/", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x", "http://", "http://a b/"):
        with Server(answering(f"Location: {location}", status=307)) as server:
            result = wrong(drive(f"{server.url}/", [(0, 10)]), "HTTP_REDIRECT")
            assert result["retries"] == 0, result
    with Server(good) as server, Server(answering(f"Location: {server.url}/", status=302),
                                        tls=CERTIFICATES.context("good")) as secure:
        wrong(drive(secure.url, [(0, 10)], ca=CERTIFICATES.at("ca.pem")), "HTTP_REDIRECT", "https to http")
        assert not server.requests


def test_redirect_home():
    """when the place that a redirect led to is gone, the first address is asked again"""
    def target(connection, request):
        if request.target.endswith("?old") and request.number > 3:
            return connection.answer(403)
        return connection.part(request, DATA)

    def home(connection, request):
        return connection.answer(302, f"Location: {place.url}/x?{'old' if request.number == 1 else 'new'}")
    with Server(target) as place, Server(home) as server:
        result = right(drive(server.url, SPREAD, parallel=1), SPREAD)
        assert len(server.requests) == 2 and result["retries"] == 0, (len(server.requests), result)


def test_secrets():
    """user, password and query are for the server that they were given for"""
    with Server(good) as other:
        def behave(connection, request):
            if request.target.startswith("/away"):
                return connection.answer(302, f"Location: {other.url}/there?own=1")
            if request.target.startswith("/near"):
                return connection.answer(302, "Location: here")
            return connection.part(request, DATA)
        with Server(behave) as server:
            for path, servers in (("/away?sig=hush", [server, other]), ("/near?sig=hush", [server]),
                                  ("/x?sig=hush%2F", [server])):
                for each in (server, other):
                    each.requests.clear()
                result = right(drive(f"http://me:hush%40@{server.host}{path}", SPREAD), SPREAD)
                assert "hush" not in json.dumps(result), result
                assert all(request.headers.get("authorization") == "Basic bWU6aHVzaEA=" and
                           (request.target in (path, "/here")) for request in server.requests)
                assert all("authorization" not in request.headers and request.target == "/there?own=1"
                           for request in other.requests)
                assert bool(other.requests) == (other in servers)
    result = wrong(drive(f"http://me:hush@127.0.0.1:{other.port}/x?sig=hush", [(0, 1)]), "HTTP_CONNECT")
    assert "hush" not in json.dumps(result), result
    assert "hush" not in json.dumps(wrong(drive("ftp://me:hush@x/?hush", [(0, 1)]), "HTTP_URL"))


def replacing(etag=None, new_etag=None, modified=None, new_modified=None, data=DATA[::-1], conditional=True):
    """Another file from the third request on."""
    def behave(connection, request):
        new = request.number > 2
        validator = (new_etag if new else etag) or (new_modified if new else modified)
        headers = [f"Last-Modified: {(new_modified if new else modified)}"] if modified else []
        now = data if new else DATA
        if conditional and request.headers.get("if-range", validator) != validator:
            headers += [f"ETag: {new_etag}"] if new_etag else []
            return connection.answer(200, *headers, body=now)
        last = min(request.last, len(now) - 1)
        return connection.part(request, now, f"Content-Range: bytes {request.first}-{last}/{len(now)}", *headers,
                               etag=new_etag if new else etag, body=now[request.first:last + 1])
    return behave


def test_replaced():
    """a file that is replaced midway is noticed by tag, date or size, with or without If-Range"""
    dates = {"modified": "Sun, 06 Nov 1994 08:49:37 GMT", "new_modified": "Sun, 06 Nov 1994 08:49:38 GMT"}
    for options in ({"etag": '"1"', "new_etag": '"2"'}, {"etag": 'W/"1"', "new_etag": 'W/"2"', "conditional": False},
                    {"etag": '"1"', "new_etag": '"2"', "conditional": False}, dates,
                    {**dates, "conditional": False}, {**dates, "etag": 'W/"1"', "new_etag": 'W/"2"'},
                    {"data": DATA + b"x"}):
        for parallel in (1, 4):
            with Server(replacing(**options)) as server:
                result = wrong(drive(server.url, SPREAD, parallel=parallel), "HTTP_REPLACED")
                assert result["retries"] == 0, result
    with Server(replacing(etag='W/"1"', new_etag='"1"', data=DATA)) as server:
        right(drive(server.url, SPREAD, parallel=1), SPREAD)


def test_if_range():
    """the validator is the final answer's; a server that does not know If-Range is asked without"""
    def home(connection, request):
        connection.answer(302, f"Location: {place.url}/", 'ETag: "redirect"')
    with Server(good) as place, Server(home) as server:
        right(drive(server.url, SPREAD, parallel=1), SPREAD)
        assert [request.headers.get("if-range") for request in place.requests] == [None] + [ETAG] * (len(SPREAD) - 1)

    def ignorant(connection, request):
        if "if-range" in request.headers:
            return connection.answer(200, f"ETag: {ETAG}", body=DATA)
        return connection.part(request, DATA)
    with Server(ignorant) as server:
        result = right(drive(server.url, SPREAD, parallel=1), SPREAD)
        assert result["requests"] == len(SPREAD) + 1, result


def test_busy():
    """408, 429 and 5xx are waited out, as long as the server asks for; others end at once"""
    for status in (408, 425, 429, 500, 502, 503, 504):
        def behave(connection, request):
            if first_time(connection.server, request):
                return connection.answer(status, "Retry-After: 86400", body=b"busy")
            return connection.part(request, DATA)
        with Server(behave) as server:
            result = right(drive(server.url, SPREAD[:5], retry_time=30), SPREAD[:5])
            assert result["retries"] >= 1, result
    for status in (400, 401, 403, 404, 410, 418, 501, 505, 304, 204):
        with Server(answering(status=status, body=b"" if status in (204, 304) else b"no")) as server:
            result = wrong(drive(server.url, [(5, 10)]), "HTTP_STATUS", str(status))
            assert result["requests"] == 1 and result["retries"] == 0, result
    with Server(answering(status=503)) as server:
        wrong(drive(server.url, [(5, 10)]), "HTTP_STATUS", "503 (given up after 1 s)")


def test_away_and_back():
    """a server that goes away midway and comes back is gone on with"""
    def failing(connection, request):
        if request.number == 3:
            connection.send(f"HTTP/1.1 206 x\r\nContent-Range: bytes {request.first}-{request.last}/{len(DATA)}\r\n"
                            f"Content-Length: {request.last - request.first + 1}\r\n\r\n",
                            DATA[request.first:request.first + 500])
            connection.server.close()
            threading.Timer(0.5, lambda: again.append(Server(good, port=connection.server.port))).start()
            connection.close()
        connection.part(request, DATA)
    again = []
    with Server(failing) as server:
        result = right(drive(server.url, SPREAD, retry_time=60, parallel=1), SPREAD)
        assert result["retries"] >= 1 and result["fetched"] == sum(size for _, size in SPREAD), result
        assert any(request.first % 200_000 == 500 for request in again[0].requests), "did not resume"
        again[0].close()


def test_slow():
    """a byte now and then is no network: it is tried again, and given up"""
    def behave(connection, request):
        connection.part(request, DATA, body=b"", length=request.last - request.first + 1)
        for at in range(request.first, request.last):
            connection.send(DATA[at:at + 1])
            time.sleep(0.1)
    with Server(behave) as server:
        result = wrong(drive(server.url, [(0, 1000)], slow_time=1), "HTTP_TRANSFER", "bytes a second")
        assert result["retries"] >= 1, result
    with Server(lambda connection, request: time.sleep(60)) as server:
        wrong(drive(server.url, [(0, 1000)], retry_time=0, slow_time=1), "HTTP_TRANSFER", "bytes a second")
        wrong(drive(server.url, [(0, 1000)], cancel=100), "CONVERGE_CANCELLED")
    wrong(drive(server.url, [(0, 1000)], greet_time=60, retry_time=60, retry_first=60000, retry_most=60000,
                cancel=100), "CONVERGE_CANCELLED")


def test_tls():
    """certificates that are expired, for another name, or of a stranger; and no TLS at all"""
    authority = CERTIFICATES.at("ca.pem")
    for name, options in (("expired", {"ca": authority}), ("other", {"ca": authority}), ("good", {})):
        with Server(good, tls=CERTIFICATES.context(name)) as server:
            result = wrong(drive(server.url, [(0, 10)], **options), "HTTP_TLS")
            assert result["requests"] == 1 and not server.requests, result
    with Server(good, greeting=b"HTTP/1.1 400 x\r\n\r\n") as server:
        wrong(drive(server.url.replace("http:", "https:"), [(0, 10)]), "HTTP_TLS")
    with Server(good, tls=CERTIFICATES.context("good")) as server:
        right(drive(server.url, SPREAD, ca=authority), SPREAD)
        wrong(drive(server.url, SPREAD, ca="/nonexistent"), "HTTP_TLS")


def test_client_certificate():
    """this client's certificate is shown to the server, and to no other one"""
    mine = {"ca": CERTIFICATES.at("ca.pem"), "certificate": CERTIFICATES.at("client.pem"),
            "key": CERTIFICATES.at("client.key")}
    shown = []

    def behave(connection, request):
        shown.append((connection.server is away, bool(connection.sock.getpeercert())))
        if request.target == "/away":
            return connection.answer(302, f"Location: {away.url}/")
        return connection.part(request, DATA)
    context = CERTIFICATES.context("good", clients=True)
    with Server(behave, tls=context) as server, Server(behave, tls=context) as away:
        right(drive(server.url, [(0, 10)], **mine), [(0, 10)])
        right(drive(f"{server.url}/away", [(0, 10)], **mine), [(0, 10)])
    assert shown == [(False, True), (False, True), (True, False)], shown


def test_proxy():
    """through a proxy of the configuration or the environment, with TLS or without"""
    authority = CERTIFICATES.at("ca.pem")
    with Server(proxy) as middle, Server(good) as plain, \
            Server(good, tls=CERTIFICATES.context("good")) as secure:
        for url, options, environment, used in (
                (plain.url, {"proxy": middle.url}, {}, True), (secure.url, {"proxy": middle.url}, {}, True),
                (plain.url, {}, {"http_proxy": middle.url}, True), (secure.url, {}, {"https_proxy": middle.url}, True),
                (plain.url, {"proxy": ""}, {"http_proxy": middle.url}, False),
                (secure.url, {}, {"https_proxy": middle.url, "no_proxy": "localhost"}, False)):
            middle.requests.clear()
            right(drive(f"{url}/x?q", SPREAD[:4], environment, ca=authority, **options), SPREAD[:4])
            assert bool(middle.requests) == used, (url, options, environment)
        with Server(answering(status=407)) as closed:
            hush = closed.url.replace("//", "//me:hush@")
            result = wrong(drive(secure.url, [(0, 1)], ca=authority, proxy=hush), "HTTP_CONNECT")
            assert result["retries"] == 0 and "hush" not in json.dumps(result), result
            wrong(drive(plain.url, [(0, 1)], proxy=closed.url), "HTTP_STATUS", "407")
        wrong(drive(plain.url, [(0, 1)], proxy=f"http://me:hush@127.0.0.1:{closed.port}"), "HTTP_CONNECT")


def test_rate():
    """with a limit the bytes are the same"""
    with Server(good) as server:
        right(drive(server.url, [(0, 300_000)], rate=1_000_000, slow=2**31), [(0, 300_000)])


def test_nginx():
    """nginx with HTTP/1.1 and with HTTP/2: many ranges, long ones, and streams that wait for us"""
    folder = os.path.join(WORLD.name, "www")
    os.mkdir(folder)
    os.chmod(WORLD.name, 0o755)
    long = DATA * 5
    with open(f"{folder}/data", "wb") as out:
        out.write(long)
    dice = random.Random(7)
    many = sorted((dice.randrange(len(long) - 9000), dice.randrange(1, 9000)) for _ in range(200))
    # So many ranges that the long one may not be cut.
    stream = [(at * 2_900, 10) for at in range(1015)] + [(3_000_000, 15_000_000), (19_000_000, 10)]
    cut = [(0, len(long))]
    with nginx(folder, CERTIFICATES) as (plain, secure, log):
        for url, protocol in ((plain, "HTTP/1.1"), (secure, "HTTP/2.0")):
            for ranges, requests in ((many, 200), (stream, 1017), (cut, 22)):
                result = right(drive(f"{url}/data", ranges, ca=CERTIFICATES.at("ca.pem"), parallel=8), ranges, long)
                assert result["fetched"] == sum(size for _, size in ranges) and result["retries"] == 0, result
                assert result["requests"] == requests, result
            with open(log, encoding="ascii") as lines:
                assert set(lines.read().splitlines()) == {f"{protocol} 206"}
            os.truncate(log, 0)


TESTS = [each for name, each in list(globals().items()) if name.startswith("test_")]


def attempt(test):
    """What went wrong, or None."""
    try:
        return test()
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        return f"{test.__name__}: {error}".replace("\n", "\n# ")


def main():
    CERTIFICATES.make("good")
    CERTIFICATES.make("client")
    CERTIFICATES.make("other", host="elsewhere")
    CERTIFICATES.make("expired", "-days", "-1")
    failed = 0
    print(f"1..{len(TESTS)}")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:  # most of them wait
        for number, (test, wrongs) in enumerate(zip(TESTS, pool.map(attempt, TESTS)), 1):
            print(f"{'not ok' if wrongs else 'ok'} {number} {test.__doc__}", flush=True)
            if wrongs:
                failed += 1
                print(f"# {wrongs}", flush=True)
    WORLD.cleanup()
    sys.exit(failed > 0)


main()
