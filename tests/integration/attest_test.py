#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attestation from the TPM to the verdict: azupdated on a software TPM, azbundle attest-verify."""
import hashlib
import json
import shutil
import signal
import struct
import subprocess

import rig
from attest_rig import (APPLICATION, NONCE, PCRS, PHASES, TAG, VARIABLE, Between, Log, Machine, Release, decision,
                        edited, finding, flipped, raw, run, usual_log, variable)
from rig import expect, expect_equal, wait_until

RELEASE = Release()


def test_good():
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        report = machine.good(attestation, "--secure-boot", f"--pcr=7:{attestation['pcrs']['sha256']['7']}")
        expect_equal((report["version"], report["product"], report["security_version"]), ("1.0", "shop", 4))
        expect_equal(report["phase"], ":".join(PHASES))
        expect(report["secure_boot"] is True, report)
        expect_equal(report["azboot"], {"slot": "a", "reason": "trial", "stored": True, "fault": 0, "floor": 3,
                                        "security_version": 4})
        expect_equal({one["verdict"] for one in report["findings"]}, {"good"})
        text = run(*machine.verifier(attestation, *machine.known())).stdout
        for line in ("version 1.0 of shop, security version 4, signed by CN=azupdate test release signer",
                     "azboot started slot a, on trial; floor 3", "Secure Boot was on"):
            expect(line in text, text)


def test_tools_agree():
    """tpm2-tools verify the same quote, and refuse it for another nonce."""
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        message, signature = machine.folder / "message", machine.folder / "signature"
        message.write_bytes(raw(attestation, "quote"))
        signature.write_bytes(raw(attestation, "signature"))
        check = ["tpm2_checkquote", "-u", machine.ak, "-m", message, "-s", signature, "-g", "sha256", "-q"]
        run(*check, NONCE)
        expect(run(*check, "00" * 32, status=None).returncode != 0, "for another nonce")
        message.write_bytes(flipped(raw(attestation, "quote"), 60))
        expect(run(*check, NONCE, status=None).returncode != 0, "another quote")


def test_key_is_the_same_again():
    """Over reboots of the machine, and not on another one."""
    with Machine(RELEASE) as machine, Machine(RELEASE) as other:
        machine.enrol(machine.boot().attest())
        machine.good(machine.boot().attest())
        machine.refused(other.boot().attest(), "ATTEST_KEY_UNKNOWN")
        done = run(*machine.verifier(other.attest(), f"--enrol={machine.ak}"), status=1)
        expect("exists" in done.stderr, done.stderr)


def test_nonce():
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest("ab" * 16)
        machine.enrol(machine.attest())
        machine.good(attestation, nonce="AB" * 16)
        machine.good(machine.attest("cd" * 64), nonce="cd" * 64)
        for nonce in (NONCE, "ab" * 15 + "ac", "ab" * 17):
            machine.refused(attestation, "ATTEST_NONCE", nonce=nonce)
        for nonce in ("", "ab" * 15, "ab" * 65, "ab" * 15 + "a", "xy" * 16):
            expect_equal(machine.json("attest", f"--nonce={nonce}", status=2)["name"], "ARGUMENT")
            run(*machine.verifier(attestation, *machine.known(), nonce=nonce), status=2)
        for nonce in ("@ay []", "[byte 1, 2]", f"[{','.join(['byte 1'] * 65)}]"):
            expect("Error.ARGUMENT" in machine.gdbus("Manager.Attest", nonce).stderr, nonce)


def test_every_bit():
    """No bit of what a TPM has signed, of the signature or of the key can be another one."""
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        for path, faults in ((("quote",), {"ATTEST_SIGNATURE"}),
                             (("signature",), {"ATTEST_SIGNATURE", "ATTEST_QUOTE"}),
                             (("key", "public"), {"ATTEST_KEY_UNKNOWN", "ATTEST_KEY_KIND", "ATTEST_QUOTE"})):
            content = raw(attestation, *path)
            for at in range(0, len(content), 3):
                copy = edited(attestation, *path, content=flipped(content, at))
                done = run(*machine.verifier(copy, *machine.known(), "--json"), status=1)
                first = next(one for one in json.loads(done.stdout)["findings"] if one["verdict"] == "refused")
                expect(first["name"] in faults, f"{path} {at}: {first}")
            for size in (0, 1, len(content) // 2, len(content) - 1):
                copy = edited(attestation, *path, content=content[:size])
                run(*machine.verifier(copy, *machine.known()), status=1)
            run(*machine.verifier(edited(attestation, *path, content=content + b"\0"), *machine.known()),
                status=1)


def test_members():
    """Values, manifest and signature: changed, cut or left out."""
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        for pcr in PCRS:
            value = bytes.fromhex(attestation["pcrs"]["sha256"][str(pcr)])
            machine.refused(edited(attestation, "pcrs", "sha256", str(pcr), content=flipped(value, 9).hex()),
                            "ATTEST_DIGEST")
        for name, fault in (("manifest", "SIGNATURE_INVALID"), ("manifest_signature", "SIGNATURE_FORMAT")):
            content = raw(attestation, name)
            machine.refused(edited(attestation, name, content=content[:-1]), fault)
            machine.refused(edited(attestation, name, content=None), "ATTEST_RELEASE")
        machine.refused(edited(attestation, "manifest", content=flipped(raw(attestation, "manifest"), 30)),
                        "SIGNATURE_INVALID")
        machine.refused(edited(attestation, "slot", content="b"), "ATTEST_AZBOOT")
        other = RELEASE.folder / "other"
        RELEASE.azbundle("keys", other)
        shutil.copy(other / "ca.crt", machine.folder / "keyring")
        machine.refused(attestation, "SIGNATURE_UNTRUSTED")


def test_file():
    """What is no attestation is refused before anything is computed."""
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        text = json.dumps(attestation)
        for broken in ("", "{}", "[]", text[:-1], text + text, text.replace("attestation/1", "attestation/2"),
                       text.replace('"quote": "', '"quote": "!'), '{"a":1,' + text[1:-1] + ',"a":2}',
                       json.dumps(edited(attestation, "event_log", content=None)),
                       json.dumps(edited(attestation, "event_log", content=bytes((1 << 20) + 1))),
                       json.dumps(edited(attestation, "quote", content=bytes(1025))),
                       json.dumps(edited(attestation, "quote", content=7)),
                       json.dumps(edited(attestation, "slot", content="c")),
                       json.dumps(edited(attestation, "pcrs", "sha256", "7", content="0" * 63)),
                       json.dumps(edited(attestation, "pcrs", "sha256", content=[])),
                       json.dumps(edited(attestation, "ek_certificates", content=["AAAA"] * 3)),
                       " " * (3 << 20) + text):
            machine.refused(broken, "ATTEST_FILE")
        run(*machine.verifier(attestation), status=2)       # no key is known
        machine.good({**attestation, "later": {"x": 1}})    # of a later release


def template_of(attestation):
    """The template that gave the attestation's key: its public area with the name in place of the key."""
    area = raw(attestation, "key", "public")
    expect_equal(len(area), 4 + 4 + 2 + 2 + 4 + 2 + 2 + 2 * 34, "a public area of P-256")
    label = b"azupdate attestation key 1"
    return area[:-68] + struct.pack(">H", len(label)) + label + bytes(2)


def key_load(tpm, attestation):
    """The attestation key's handle, as whoever runs on the machine can have it."""
    template = template_of(attestation)
    body = struct.pack(">HHH", 4, 0, 0) + struct.pack(">H", len(template)) + template + bytes(2 + 4)
    return struct.unpack(">I", tpm.command(0x131, [0x4000000b], body)[:4])[0]


def signed_by_key(machine, attestation, code, handles, body, sessions=1):
    """An attestation with something else that the TPM signs with the very key."""
    tpm = machine.tpm
    key = key_load(tpm, attestation)
    answer = tpm.command(code, [*handles, key], body, sessions)[4:]
    size = struct.unpack(">H", answer[:2])[0]
    message, rest = answer[2:2 + size], answer[2 + size:]
    signature = rest[:len(rest) - 5 * sessions]
    tpm.command(0x165, [], struct.pack(">I", key), 0)
    return edited(edited(attestation, "quote", content=message), "signature", content=signature)


def quote_body(select, bank=0x0b):
    nonce = bytes.fromhex(NONCE)
    return struct.pack(">H", len(nonce)) + nonce + struct.pack(">HIHB", 0x10, 1, bank, len(select)) + select


def test_what_else_the_key_signs():
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        same = signed_by_key(machine, attestation, 0x158, [], quote_body(bytes.fromhex("fff800")))
        machine.good(same)          # the rig signs as azupdated does
        for select in ("fff000", "ffff00", "fff801", "000000", "f8ff00"):
            other = signed_by_key(machine, attestation, 0x158, [], quote_body(bytes.fromhex(select)))
            machine.refused(other, "ATTEST_SELECTION")
        other = signed_by_key(machine, attestation, 0x158, [], quote_body(bytes.fromhex("fff800"), bank=0x0c))
        machine.refused(other, "ATTEST_SELECTION")
        nonce = bytes.fromhex(NONCE)
        time = signed_by_key(machine, attestation, 0x14c, [0x4000000b],
                             struct.pack(">H", len(nonce)) + nonce + struct.pack(">H", 0x10), sessions=2)
        machine.refused(time, "ATTEST_TYPE")


def software_key(folder):
    """A key of P-256 that is in no TPM, and the public area that a TPM would show for it."""
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "soft.key")
    der = run("openssl", "pkey", "-in", folder / "soft.key", "-pubout", "-outform", "DER", "-out",
              folder / "soft.der") and (folder / "soft.der").read_bytes()
    x, y = der[-64:-32], der[-32:]
    return struct.pack(">H", 32) + x + struct.pack(">H", 32) + y


def der_pair(der):
    """r and s of an ECDSA signature, 32 bytes each."""
    at, pair = 2, []
    for _ in range(2):
        size = der[at + 1]
        pair.append(der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + size
    return pair


def forge(machine, attestation, area, message):
    """Signs a message with the software key, in the shape that a TPM gives it."""
    path = machine.folder / "forged"
    path.write_bytes(message)
    run("openssl", "dgst", "-sha256", "-sign", machine.folder / "soft.key", "-out", f"{path}.sig", path)
    r, s = der_pair((machine.folder / "forged.sig").read_bytes())
    signature = struct.pack(">HHH", 0x18, 0x0b, 32) + r + struct.pack(">H", 32) + s
    copy = edited(edited(attestation, "quote", content=message), "signature", content=signature)
    return edited(copy, "key", "public", content=area)


def test_forged_by_a_free_key():
    """A key that signs anything can sign what looks like a quote, but for its own public area."""
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        area = raw(attestation, "key", "public")[:-68] + software_key(machine.folder)
        free = area[:4] + struct.pack(">I", struct.unpack(">I", area[4:8])[0] & ~0x10000) + area[8:]
        true = raw(attestation, "quote")
        machine.refused(forge(machine, attestation, area, true), "ATTEST_KEY_UNKNOWN")
        for magic in (b"\xff\x54\x43\x46", bytes(4)):
            forged = forge(machine, attestation, area, magic + true[4:])
            machine.refused(forged, "ATTEST_MAGIC", f"--enrol={machine.folder}/new")
        # The name in the quote is of the machine's key, not of the one that is shown.
        machine.refused(forge(machine, attestation, area, true), "ATTEST_KEY_KIND",
                        f"--enrol={machine.folder}/new")
        machine.refused(forge(machine, attestation, free, true), "ATTEST_KEY_KIND",
                        f"--enrol={machine.folder}/new")
        expect(not (machine.folder / "new").exists(), "a refused key was enrolled")


def test_log_does_not_fit():
    with Machine(RELEASE) as machine:
        log = usual_log(RELEASE)
        attestation = machine.boot(log).attest()
        machine.enrol(attestation)
        machine.good(attestation)
        content = log.encode()
        for skip, (pcr, *_) in enumerate(log.events):
            less = Log()
            less.events = log.events[:skip] + log.events[skip + 1:]
            machine.refused(edited(attestation, "event_log", content=less.encode()), "ATTEST_LOG")
        more = usual_log(RELEASE).add(2, APPLICATION, b"an option ROM")
        machine.refused(edited(attestation, "event_log", content=more.encode()), "ATTEST_LOG")
        for size in (1, 40, len(content) - 1):
            machine.refused(edited(attestation, "event_log", content=content[:size]), "EVENTLOG")
        machine.refused(edited(attestation, "event_log", content=b"\xff" * 99), "EVENTLOG")


def test_log_that_lies():
    """Texts of a log are not measured themselves: what is told of them must be."""
    with Machine(RELEASE) as machine:
        honest = usual_log(RELEASE, secure_boot=b"\0")
        attestation = machine.boot(honest).attest()
        machine.enrol(attestation)
        expect(machine.good(attestation)["secure_boot"] is False, "it is off")
        machine.refused(attestation, "ATTEST_SECURE_BOOT", "--secure-boot")
        lie = Log()
        lie.events = [(pcr, kind, digest, variable("SecureBoot", b"\1") if b"S\0e\0c\0u" in data else data)
                      for pcr, kind, digest, data in honest.events]
        lying = edited(attestation, "event_log", content=lie.encode())
        machine.refused(lying, "ATTEST_SECURE_BOOT", "--secure-boot")
        expect(machine.good(lying)["secure_boot"] is None, "a text that was not measured")
        lie.events = [(pcr, kind, digest, decision(floor=9) if kind == TAG else data)
                      for pcr, kind, digest, data in honest.events]
        machine.refused(edited(attestation, "event_log", content=lie.encode()), "ATTEST_AZBOOT")


def test_secure_boot_measured_again():
    """The truth comes first; a system that hides it under another type and measures a lie proves nothing."""
    with Machine(RELEASE) as machine:
        honest = usual_log(RELEASE, secure_boot=b"\0").add(7, VARIABLE, variable("SecureBoot", b"\1"))
        attestation = machine.boot(honest).attest()
        machine.enrol(attestation)
        first = honest.events[0]
        honest.events[0] = (first[0], 1, first[2], b"something")
        lying = edited(attestation, "event_log", content=honest.encode())
        machine.refused(lying, "ATTEST_SECURE_BOOT", "--secure-boot")


def test_azboot():
    """What the system measures behind the handing over is not azboot's, whatever it is shown as."""
    with Machine(RELEASE) as machine:
        late = usual_log(RELEASE).add(5, TAG, decision(floor=99))
        attestation = machine.boot(late).attest()
        machine.enrol(attestation)
        expect_equal(machine.good(attestation)["azboot"]["floor"], 3)
        early = usual_log(RELEASE, azboot=decision(slot=1, fault=133, reason=4))
        machine.refused(machine.boot(early).attest(), "ATTEST_AZBOOT")
        other = usual_log(RELEASE, azboot=decision(security_version=5))
        machine.refused(machine.boot(other).attest(), "ATTEST_AZBOOT")
        failed = usual_log(RELEASE, azboot=decision(fault=133))
        report = machine.good(machine.boot(failed).attest())
        expect_equal(report["azboot"]["fault"], 133)
        expect(any("BOOT_DENIED" in one["text"] for one in report["findings"]), report)


def test_no_log():
    """As on Azure: there is a file, and nothing in it; or no file."""
    with Machine(RELEASE) as machine:
        attestation = machine.boot(shown=b"").attest()
        machine.enrol(attestation)
        report = machine.good(attestation)
        expect_equal(finding(report, "log")["verdict"], "note")
        expect_equal(finding(report, "demanded")["verdict"], "note")
        expect(report["azboot"] is None and report["secure_boot"] is None, report)
        machine.refused(attestation, "ATTEST_SECURE_BOOT", "--secure-boot")
        (machine.folder / "eventlog").unlink()
        machine.good(machine.attest())
        (machine.folder / "eventlog").write_bytes(bytes((1 << 20) + 1))
        expect_equal(machine.json("attest", f"--nonce={NONCE}", status=1)["name"], "EVENTLOG")


def test_demanded_values():
    with Machine(RELEASE) as machine:
        attestation = machine.boot(shown=b"").attest()
        machine.enrol(attestation)
        values = attestation["pcrs"]["sha256"]
        report = machine.good(attestation, f"--pcr=7:{values['7']}", f"--pcr=4:{values['4']}")
        expect_equal(finding(report, "demanded")["verdict"], "good")
        report = machine.good(attestation, f"--pcr=15:{values['15']}")
        expect("PCR 4 or 7" in finding(report, "demanded")["text"], report)
        machine.refused(attestation, "ATTEST_PCR", f"--pcr=7:{values['7']}", f"--pcr=4:{values['7']}")
        for option in ("--pcr=8:" + "0" * 64, "--pcr=7", "--pcr=7:00", "--pcr=7:" + "G" * 64, "--pcr=16:" + "0" * 64):
            run(*machine.verifier(attestation, *machine.known(), option), status=2)


def test_pcr11():
    """Each phase of the boot; another UKI; an unknown word."""
    with Machine(RELEASE) as machine:
        machine.enrol(machine.boot().attest())
        for count in range(len(PHASES)):
            attestation = machine.boot(phases=PHASES[:count]).attest()
            expect_equal(machine.good(attestation)["phase"], ":".join(PHASES[:count]))
        machine.refused(machine.boot(phases=["enter-initrd", "sysinit"]).attest(), "ATTEST_PCR11")
        other = usual_log(RELEASE)
        other.events = [(pcr, kind, hashlib.sha256(digest).digest() if pcr == 11 else digest, data)
                        for pcr, kind, digest, data in other.events]
        machine.refused(machine.boot(other).attest(), "ATTEST_PCR11")
        # The same PCR, but a log in which it came about in another way.
        attestation = machine.boot().attest()
        less = usual_log(RELEASE)
        less.events = [event for event in less.events if event[0] != 11] + \
            [next(event for event in less.events if event[0] == 11)]
        machine.refused(edited(attestation, "event_log", content=less.encode()), "ATTEST_LOG")


def test_extras():
    """Kernel arguments that the stub takes while Secure Boot is off are in PCR 12."""
    with Machine(RELEASE) as machine:
        machine.enrol(machine.boot().attest())
        for pcr in (12, 13):
            attestation = machine.boot(usual_log(RELEASE).add(pcr, 13, b"init=/bin/sh")).attest()
            machine.refused(attestation, "ATTEST_EXTRAS")
            expect_equal(finding(machine.good(attestation, "--allow-extras"), "extras")["verdict"], "note")


def test_releases():
    with Machine(RELEASE) as machine:
        attestation = machine.boot().attest()
        machine.enrol(attestation)
        known = machine.folder / "known"
        known.mkdir()
        machine.refused(attestation, "ATTEST_RELEASE", f"--known={known}")
        (known / "other.json").write_text(RELEASE.manifest.replace('"1.0"', '"1.1"'))
        machine.refused(attestation, "ATTEST_RELEASE", f"--known={known}")
        (known / "1.0.json").write_text(RELEASE.manifest)
        machine.good(attestation, f"--known={known}", "--revoked=1.1", "--security-version=4")
        machine.refused(attestation, "ATTEST_REVOKED", "--revoked=0.9", "--revoked=1.0")
        machine.refused(attestation, "ATTEST_REVOKED", "--security-version=5")
        run(*machine.verifier(attestation, *machine.known(), "--security-version=x"), status=2)


def test_clock():
    """An old copy of a TPM's state is not believed, nor an old attestation again."""
    with Machine(RELEASE) as machine:
        state = f"--state={machine.folder}/seen"
        first = machine.boot().attest()
        machine.enrol(first)
        machine.good(first, state)
        machine.tpm.stop()
        shutil.copytree(machine.tpm.folder, machine.folder / "copy")
        machine.boot()
        second = machine.boot().attest()
        machine.refused(second, "ATTEST_REVOKED", state, "--revoked=1.0")      # leaves the state alone
        machine.good(first, state)
        machine.good(second, state)
        machine.refused(first, "ATTEST_CLOCK", state)
        machine.tpm.stop()
        shutil.rmtree(machine.tpm.folder)
        (machine.folder / "copy").rename(machine.tpm.folder)
        machine.refused(machine.boot().attest(), "ATTEST_CLOCK", state)
        machine.good(second, state)
        (machine.folder / "seen").write_text("{\"x\":1}")
        machine.refused(second, "STATE_FILE", state)


def authority(folder, name):
    """A root that certifies keys, and a certificate of it for a public key."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key", "-out",
        folder / f"{name}.crt", "-subj", f"/CN={name}", "-days", "2")


def certify(folder, name, public, subject):
    for words in (["req", "-new", "-key", folder / "any.key", "-subj", f"/CN={subject}", "-out", folder / "any.csr"],
                  ["x509", "-req", "-in", folder / "any.csr", "-CA", folder / f"{name}.crt", "-CAkey",
                   folder / f"{name}.key", "-CAcreateserial", "-force_pubkey", public, "-days", "2", "-outform",
                   "DER", "-out", folder / "certificate"]):
        run("openssl", *words)
    return (folder / "certificate").read_bytes()


def nv_store(tpm, index, content, room, attributes):
    path = tpm.folder / "content"
    path.write_bytes(content)
    tpm.tool("tpm2_nvdefine", index, "-C", "o", "-s", str(room), "-a", attributes)
    tpm.tool("tpm2_nvwrite", index, "-C", "o", "-i", path)


def azure_like(machine):
    """An RSA key at 0x81000003, certified in NV that is larger than its certificate, as Azure's TPMs have."""
    folder, tpm = machine.folder, machine.tpm
    authority(folder, "maker")
    run("openssl", "genrsa", "-out", folder / "any.key", "2048")
    tpm.tool("tpm2_createprimary", "-C", "o", "-G", "rsa2048:rsassa-sha256:null", "-a",
             "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda", "-c", folder / "ctx")
    tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", folder / "ctx", "0x81000003")
    tpm.tool("tpm2_readpublic", "-c", "0x81000003", "-f", "pem", "-o", folder / "maker.pem")
    certificate = certify(folder, "maker", folder / "maker.pem", "vTPM 7")
    nv_store(tpm, "0x01c101d0", certificate, 1600, "ownerwrite|ownerread|authread")
    return certificate


def test_certified_key():
    with Machine(RELEASE) as machine:
        machine.boot()
        folder = machine.folder
        own = machine.attest()
        certificate = azure_like(machine)
        attestation = machine.attest()
        expect_equal(raw(attestation, "key", "certificate"), certificate, "what stood in NV")
        report = machine.good(attestation, f"--ak-ca={folder}/maker.crt")
        expect("vTPM 7" in finding(report, "key")["text"], report)
        machine.good(attestation, f"--ak={folder}/maker.pem", f"--ak-ca={folder}/maker.crt")
        machine.good(attestation, f"--ak={folder}/maker.pem")
        ca = f"--ak-ca={folder}/maker.crt"
        machine.refused(own, "ATTEST_KEY_UNKNOWN", ca)          # is not certified
        for copy in (edited(own, "key", "certificate", content=certificate),    # of another key
                     edited(attestation, "key", "certificate", content=flipped(certificate, 99)),
                     edited(attestation, "key", "certificate", content=certificate[:-1]),
                     edited(attestation, "key", "certificate", content=certificate + b"x"),
                     edited(attestation, "key", "certificate", content=None)):
            machine.refused(copy, "ATTEST_KEY_UNKNOWN", ca)
        authority(folder, "stranger")
        machine.refused(attestation, "ATTEST_KEY_UNKNOWN", f"--ak-ca={folder}/stranger.crt")
        forged = certify(folder, "stranger", folder / "maker.pem", "vTPM 7")
        machine.refused(edited(attestation, "key", "certificate", content=forged), "ATTEST_KEY_UNKNOWN", ca)
        machine.refused(attestation, "KEY_UNREADABLE", f"--ak-ca={folder}/eventlog")
        for at in (0, 2, 9, 200):
            copy = edited(attestation, "signature", content=flipped(raw(attestation, "signature"), at))
            expect("refused" in run(*machine.verifier(copy, ca), status=1).stdout, copy)


def test_certificate_of_the_maker():
    """Those of the endorsement keys go along; what is no certificate does not; nor does a key without one."""
    with Machine(RELEASE) as machine:
        machine.boot()
        authority(machine.folder, "maker")
        run("openssl", "genrsa", "-out", machine.folder / "any.key", "2048")
        run("openssl", "rsa", "-in", machine.folder / "any.key", "-pubout", "-out", machine.folder / "any.pem")
        certificate = certify(machine.folder, "maker", machine.folder / "any.pem", "EK")
        nv_store(machine.tpm, "0x01c00002", certificate, len(certificate), "ownerwrite|authread")
        nv_store(machine.tpm, "0x01c0000a", b"\x30\x82\xff\xff" + bytes(60), 64, "ownerwrite|ownerread")
        attestation = machine.attest()
        expect_equal([raw(attestation, "ek_certificates", 0)], [certificate], attestation["ek_certificates"])
        expect_equal(len(attestation["ek_certificates"]), 1)
        machine.enrol(attestation)
        machine.tpm.tool("tpm2_createprimary", "-C", "o", "-G", "rsa2048:rsassa-sha256:null", "-a",
                         "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda", "-c",
                         machine.folder / "ctx")
        machine.tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", machine.folder / "ctx", "0x81000003")
        machine.good(machine.attest())


def test_cleared():
    """A TPM that was cleared has the same key; its counters start anew, which a state does not let pass."""
    with Machine(RELEASE) as machine:
        state = f"--state={machine.folder}/seen"
        machine.enrol(machine.boot().boot().attest())
        machine.good(machine.attest(), state)
        machine.tpm.tool("tpm2_clear", "-c", "l")
        attestation = machine.boot().attest()
        machine.good(attestation)
        machine.refused(attestation, "ATTEST_CLOCK", state)


def test_tpm_without_p256():
    """Then the key is RSA; made of the same template each time, it is the same one."""
    def refuse(command, send):
        is_ecc = command[6:10] == bytes.fromhex("00000131") and b"\0\x23\0\x0b" in command
        return bytes.fromhex("80010000000a000002c4") if is_ecc else None
    with Machine(RELEASE) as machine:
        machine.boot()
        with Between(machine, refuse):
            attestation = machine.attest()
            expect_equal(raw(attestation, "key", "public")[:2].hex(), "0001")
            machine.enrol(attestation)
            machine.good(machine.attest())
        machine.refused(machine.attest(), "ATTEST_KEY_UNKNOWN")     # P-256 again


def extending(times):
    """Measures something into PCR 15 in front of the first quotes, as if somebody had been quicker."""
    left = [times]

    def extend(command, send):
        if command[6:10] == bytes.fromhex("00000158") and left[0] > 0:
            left[0] -= 1
            session = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
            body = struct.pack(">II", 0x182, 15) + session + struct.pack(">IH", 1, 0x0b) + bytes(range(32))
            expect_equal(send(struct.pack(">HI", 0x8002, 6 + len(body)) + body)[6:10], bytes(4))
    return extend


def test_pcr_changes_meanwhile():
    """Values and quote are taken again, a few times."""
    with Machine(RELEASE) as machine:
        machine.enrol(machine.boot().attest())
        with Between(machine, extending(3)):
            machine.good(machine.attest())
        with Between(machine, extending(99)):
            expect_equal(machine.json("attest", f"--nonce={NONCE}", status=1)["name"], "TPM_COMMAND")


def test_beside_a_job():
    """It does not wait for a job, one is made at a time, and the daemon ends it before it leaves."""
    with Machine(RELEASE) as machine:
        machine.boot()
        stalled = subprocess.Popen(machine.command("install", "-"), stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: machine.status()["jobs"], "the job")
        machine.enrol(machine.attest())
        machine.tpm.process.send_signal(signal.SIGSTOP)     # a TPM that takes its time
        try:
            first = subprocess.Popen(["gdbus", "call", "--address", machine.address, "-d", rig.NAME, "-o",
                                      rig.PATH, "-m", f"{rig.NAME}.Manager.Attest", "--timeout=100",
                                      f"[{','.join(['byte 7'] * 32)}]"], stdout=subprocess.PIPE, text=True)
            busy = f"[{','.join(['byte 8'] * 32)}]"
            wait_until(lambda: (machine.folder / "log").read_text().count("Attest this boot") == 2,
                       "the call to be at work")
            expect("JOB_BUSY" in machine.gdbus("Manager.Attest", busy).stderr, "two at a time")
            machine.daemon.terminate()
            wait_until(lambda: "stopping" in machine.gdbus("Manager.Attest", busy).stderr, "it to stop")
            expect(machine.daemon.poll() is None, "it left with a call at work")
        finally:
            machine.tpm.process.send_signal(signal.SIGCONT)
        text = first.communicate(timeout=rig.PATIENCE_S)[0]
        expect("azupdate.attestation/1" in text, text)
        expect_equal(machine.daemon.wait(rig.PATIENCE_S), 0)
        machine.daemon = None
        stalled.stdin.close()
        stalled.wait()


def test_not_from_a_slot():
    with Machine(RELEASE) as machine:
        machine.enrol(machine.boot().attest())
        machine.stop()
        (machine.folder / "run" / "boot.json").unlink()
        machine.start()
        attestation = machine.attest()
        expect(attestation["manifest"] is None and attestation["slot"] is None, attestation["slot"])
        machine.refused(attestation, "ATTEST_RELEASE")


def test_no_tpm():
    with Machine(RELEASE) as machine:
        expect_equal(machine.json("attest", f"--nonce={NONCE}", status=1)["name"], "TPM_OPEN")


def test_output():
    with Machine(RELEASE) as machine:
        machine.boot()
        path = machine.folder / "out"
        said = machine.cli("attest", f"--nonce={NONCE}", f"--output={path}").stdout
        expect("Written to" in said, said)
        machine.enrol(json.loads(path.read_text()))
        expect_equal(machine.cli("attest", f"--nonce={NONCE}", "-o", "/nonexistent/x", status=1).stdout, "")


rig.main(globals())
