# SPDX-License-Identifier: MIT
"""A stand-in for Nebraska, the update server: what a client sees of it, with its peculiarities.

The rules were read out of flatcar/nebraska 30a488d: which requests count as malformed, what happens
to events, when a group grants nothing, and in which order. Written anew; kept are the names of
statuses, and the order of the checks, since clients see them."""
import datetime
import re
import threading
import uuid
import xml.etree.ElementTree as xml
from xml.sax.saxutils import quoteattr

from fleet_rig import Server

PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
BODY_MAX = 65536
UNDEFINED, GRANTED, ERROR, COMPLETE, INSTALLED, DOWNLOADED, DOWNLOADING, ON_HOLD = range(1, 9)
EVENTS = {(13, 1), (14, 1), (800, 1), (3, 0), (3, 1), (3, 2)}   # all others are dropped without a word
BUSY = {DOWNLOADING, DOWNLOADED, INSTALLED}
INTS = ("errorcode", "eventtype", "eventresult", "active", "ismachine")
BOOLS = ("delta_okay", "multi_manifest_ok")
ARCHS = {"amd64-usr": "amd64", "arm64-usr": "aarch64", "x64": "amd64", "arm": "aarch64", "x86": "x86"}
FLATCAR = "e96281a6d1af4bde9a0a97b76e56dc57"


def semver(text):
    """Key for comparison, or None: three numbers, no zero in front, then perhaps -pre and +build."""
    found = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", text)
    if not found:
        return None
    pre = found[4] and [(part.isdigit() and int(part) or 0, part) for part in found[4][1:].split(".")]
    return [int(found[i]) for i in (1, 2, 3)], pre is None, pre or []


class Malformed(Exception):
    pass


class Instance:
    def __init__(self):
        self.status, self.in_progress, self.version = UNDEFINED, False, None
        self.granted_version, self.granted_at, self.seen = None, None, None
        self.history = []

    def move(self, status):
        self.status = status
        self.history.append(status)
        self.in_progress = status in BUSY | {GRANTED}


class Group:
    """Of one application, track and architecture, with the package of its channel."""

    def __init__(self, version, codebase="https://host.example/releases/", name="azl.azb"):
        self.version, self.codebase, self.name = version, codebase, name
        self.enabled, self.office_hours, self.safe_mode = True, None, False
        self.max_per_period, self.max_timed_out = 900000, 900000
        self.disable_on_failure = False
        self.period = datetime.timedelta(minutes=15)
        self.timeout = datetime.timedelta(minutes=60)
        self.failed_first = False


class Nebraska(Server):
    def __init__(self, groups, apps=("shop",), secret=None, **options):
        super().__init__(self.answer, **options)
        self.groups, self.secret = groups, secret
        self.apps = {self.plain(app) for app in apps}
        self.instances, self.now = {}, datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.timezone.utc)
        self.lock, self.events, self.dropped = threading.Lock(), [], []

    @staticmethod
    def plain(app):
        return re.sub("[{} ]", "", app).lower()

    # --- transport ---

    def answer(self, request):
        wanted = "/v1/update" + (f"/{self.secret}" if self.secret else "")
        if request.path.rstrip("/") != wanted:
            return request.reply(501)
        if len(request.text.encode()) > BODY_MAX:
            return request.reply(400)
        with self.lock:
            try:
                body = self.process(self.parse(request.text))
            except Malformed:
                body = ""       # the error is ignored, and only the prolog goes out
        return request.reply(200, PROLOG + body, Content_Type="text/xml")

    def parse(self, text):
        try:
            root = xml.fromstring(text)
        except xml.ParseError as error:
            raise Malformed from error
        for element in root.iter():
            for name, value in element.attrib.items():
                if name in INTS and not re.fullmatch(r"[+-]?\d+", value):
                    raise Malformed
                if name in BOOLS and value not in ("1", "t", "T", "TRUE", "true", "True",
                                                   "0", "f", "F", "FALSE", "false", "False"):
                    raise Malformed
        if root.tag != "request":
            raise Malformed
        return root

    # --- one request ---

    def process(self, root):
        parts = []
        arch = root.find("os").get("arch", "") if root.find("os") is not None else ""
        for app in root.findall("app"):
            part, stop = self.process_app(app, arch)
            parts.append(part)
            if stop:
                break
        return ('<response protocol="3.0" server="nebraska"><daystart elapsed_seconds="0"></daystart>'
                + "".join(parts) + "</response>")

    def process_app(self, app, arch):
        """The answer, and whether the response stops there."""
        group = self.group_of(app, arch)
        if self.plain(app.get("appid", "")) not in self.apps or group is None:
            return self.app_answer(app, "error-failedToRetrieveUpdatePackageInfo", check="error-internal"), True
        events = [self.event(app, group, event) for event in app.findall("event")]
        check, status, inner = None, "ok", ""
        if app.find("updatecheck") is not None:
            status, check, inner = self.check(app, group)
        return self.app_answer(app, status, check, inner, events), False

    def app_answer(self, app, status, check=None, inner="", events=()):
        out = f"<app appid={quoteattr(app.get('appid', ''))} status={quoteattr(status)}>"
        if app.find("ping") is not None:
            out += '<ping status="ok"></ping>'
        if check is not None:
            out += f'<updatecheck status="{check}">{inner or "<urls></urls>"}</updatecheck>'
        return out + "".join('<event status="ok"></event>' for _ in events) + "</app>"

    def group_of(self, app, arch):
        """What is not known counts as amd64."""
        known = ARCHS.get(app.get("board", "")) or ARCHS.get(arch) or (arch if arch in ARCHS.values() else "amd64")
        return self.groups.get((app.get("track", ""), known))

    # --- events ---

    def event(self, app, group, event):
        """An answer of "ok" in any case."""
        key = (int(event.get("eventtype", 0)), int(event.get("eventresult", 0)))
        instance = self.instances.get(app.get("machineid", ""))
        if instance is None or key not in EVENTS or not instance.in_progress:
            self.dropped.append(key)
            return
        flatcar = self.plain(app.get("appid")) == FLATCAR
        previous = event.get("previousversion", "")
        if key == (3, 2) and flatcar and previous in ("", "0.0.0.0"):
            instance.move(UNDEFINED)
            return
        self.events.append((*key, int(event.get("errorcode", 0)), previous))
        if key == (3, 0):
            if group.disable_on_failure and not group.failed_first:
                group.enabled = False
            group.failed_first = True
            instance.move(ERROR)
        elif key == (3, 2) or (key == (3, 1) and not flatcar):
            instance.version = instance.granted_version
            instance.move(COMPLETE)
        elif key != (3, 1):
            instance.move({13: DOWNLOADING, 14: DOWNLOADED, 800: INSTALLED}[key[0]])

    # --- update checks ---

    def check(self, app, group):
        """Status of the app, status of the check, what is in it."""
        machine, version = app.get("machineid", ""), app.get("version", "")
        if semver(version) is None or not 0 < len(machine) <= 50:
            return "error-instanceRegistrationFailed", "error-internal", ""
        instance = self.instances.setdefault(machine, Instance())
        instance.version, instance.seen = version, self.now
        if instance.status in BUSY:
            return "error-updateInProgressOnInstance", "error-internal", ""
        if group.version is None:
            return "error-noPackageFound", "error-internal", ""
        if instance.status == GRANTED and semver(version) >= semver(instance.granted_version):
            instance.move(COMPLETE)
            return "ok", "noupdate", ""
        if semver(version) >= semver(group.version):
            instance.in_progress = False
            return "ok", "noupdate", ""
        if instance.status != GRANTED:
            why = self.policy(group)
            if why:
                return why, "error-internal", ""
            instance.granted_version, instance.granted_at = group.version, self.now
            instance.move(GRANTED)
        return "ok", "ok", self.package(group)

    def counts(self, group):
        known = [each for each in self.instances.values() if each.granted_version == group.version]
        fresh = [each for each in known if self.now - each.granted_at < group.timeout]
        return (len(known), sum(self.now - each.granted_at < group.period for each in known),
                sum(each.in_progress for each in fresh),
                sum(each.in_progress for each in known) - sum(each.in_progress for each in fresh))

    def policy(self, group):
        if not group.enabled:
            return "error-updatesDisabled"
        if group.office_hours is not None:
            local = self.now.astimezone(group.office_hours)
            if local.weekday() > 4 or not 9 <= local.hour < 17:
                return "error-updatesDisabled"
        if group.max_per_period >= 900000 and not group.safe_mode:
            return None
        attempted, lately, running, late = self.counts(group)
        most = 1 if group.safe_mode and attempted == 0 else group.max_per_period
        if lately >= most:
            return "error-maxUpdatesPerPeriodLimitReached"
        if running >= most:
            return "error-maxConcurrentUpdatesLimitReached"
        if group.safe_mode and late >= group.max_timed_out:
            group.enabled = False
            return "error-maxTimedOutUpdatesLimitReached"
        return None

    def package(self, group):
        return (f'<urls><url codebase={quoteattr(group.codebase)}></url></urls>'
                f'<manifest version="{group.version}"><packages><package name={quoteattr(group.name)} '
                f'hash="{uuid.uuid4().hex}" size="12345" required="true"></package></packages></manifest>')
