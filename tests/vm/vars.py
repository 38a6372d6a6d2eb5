# SPDX-License-Identifier: MIT
"""The variable store of OVMF as a file: enrols Secure Boot keys, reads and sets variables offline.

Layout: UEFI Platform Initialization 1.7, volume 3 (firmware volume header), and EDK 2's
MdeModulePkg/Include/Guid/VariableFormat.h (authenticated variable store):

  volume header  40 "_FVH", 48 u16 size of the header
  store header    0 GUID, 16 u32 size, 20 format, 21 state, 24 reserved; 28 bytes
  variable        0 u16 0x55aa, 2 u8 state, 4 u32 attributes, 8 u64 count, 16 time[16], 32 u32 key,
                 36 u32 name size, 40 u32 data size, 44 vendor GUID, 60 name, data; next at 4n
"""
import struct
import uuid

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
IMAGE_SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
AZUPDATE = "65592c1d-1a73-488e-ba46-1bbab7a13ee8"
NV, BS, RT, TIME_AUTH = 1, 2, 4, 0x20

_STORE_GUID = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
_X509_GUID = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
_OWNER = uuid.UUID(AZUPDATE).bytes_le
_STATE_ADDED, _STATE_DELETED = 0x3f, 0x3d
_HEADER = struct.Struct("<HBBIQ16sIII16s")


def signature_list(*certificates_der):
    """EFI_SIGNATURE_LISTs (UEFI 32.4.1), one per certificate."""
    lists = b""
    for der in certificates_der:
        size = 16 + len(der)
        lists += _X509_GUID + struct.pack("<III", 28 + size, 0, size) + _OWNER + der
    return lists


class Vars:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        if self.data[40:44] != b"_FVH":
            raise ValueError(f"{path}: not a firmware volume")
        store = struct.unpack_from("<H", self.data, 48)[0]
        if self.data[store:store + 16] != _STORE_GUID:
            raise ValueError(f"{path}: not an authenticated variable store")
        self.start = store + 28
        self.end = store + struct.unpack_from("<I", self.data, store + 16)[0]

    def _walk(self):
        """Yields (offset, state, attributes, vendor, name, data); last the free offset alone."""
        at = self.start
        while at + _HEADER.size <= self.end:
            start, state, _, attributes, _, _, _, name_size, data_size, vendor = \
                _HEADER.unpack_from(self.data, at)
            if start != 0x55aa:
                break
            body = at + _HEADER.size
            name = self.data[body:body + name_size].decode("utf-16-le").rstrip("\0")
            data = bytes(self.data[body + name_size:body + name_size + data_size])
            yield at, state, attributes, str(uuid.UUID(bytes_le=bytes(vendor))), name, data
            at = (body + name_size + data_size + 3) & ~3
        yield at, None, None, None, None, None

    def get(self, name, vendor):
        """(attributes, data), or None."""
        for _, state, attributes, owner, found, data in self._walk():
            if state == _STATE_ADDED and (found, owner) == (name, vendor):
                return attributes, data
        return None

    def delete(self, name, vendor):
        for at, state, _, owner, found, _ in list(self._walk()):
            if state == _STATE_ADDED and (found, owner) == (name, vendor):
                self.data[at + 2] = _STATE_DELETED

    def set(self, name, vendor, attributes, data):
        self.delete(name, vendor)
        free = list(self._walk())[-1][0]
        wide = (name + "\0").encode("utf-16-le")
        stamp = bytes(16)
        if attributes & TIME_AUTH:
            stamp = struct.pack("<HBBBBBBIhBB", 2024, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)
        variable = _HEADER.pack(0x55aa, _STATE_ADDED, 0, attributes, 0, stamp, 0, len(wide),
                                len(data), uuid.UUID(vendor).bytes_le) + wide + data
        variable += b"\xff" * (-len(variable) % 4)
        if free + len(variable) > self.end:
            raise ValueError(f"{self.path}: no room for {name}")
        self.data[free:free + len(variable)] = variable

    def enrol(self, pk, kek, db):
        """Secure Boot on with these keys: each a list of certificates in DER."""
        attributes = NV | BS | RT | TIME_AUTH
        self.set("db", IMAGE_SECURITY, attributes, signature_list(*db))
        self.set("KEK", GLOBAL, attributes, signature_list(*kek))
        self.set("PK", GLOBAL, attributes, signature_list(*pk))

    def save(self, path=None):
        with open(path or self.path, "wb") as file:
            file.write(self.data)
