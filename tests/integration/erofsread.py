# SPDX-License-Identifier: MIT
"""What an uncompressed EROFS image holds, with owners and extended attributes, which fsck.erofs does
not extract. Written after the kernel's fs/erofs/erofs_fs.h, not after our writer; the tests hold it
against images of mkfs.erofs."""
import stat
import struct

PREFIXES = {1: b"user.", 2: b"system.posix_acl_access", 3: b"system.posix_acl_default",
            4: b"trusted.", 6: b"security."}


class Image:
    def __init__(self, data):
        self.data = data
        magic, _, self.compat = struct.unpack_from("<III", data, 1024)
        assert magic == 0xE0F5E1E2
        self.bits = data[1024 + 12]
        self.size = 1 << self.bits
        self.root, = struct.unpack_from("<H", data, 1024 + 14)
        self.time, = struct.unpack_from("<Q", data, 1024 + 24)
        self.blocks, self.meta, self.shared = struct.unpack_from("<III", data, 1024 + 36)
        self.uuid = data[1024 + 48:1024 + 64]

    def attribute(self, at):
        """One attribute, and where the next one stands."""
        name_size, index, value_size = struct.unpack_from("<BBH", self.data, at)
        name = self.data[at + 4:at + 4 + name_size]
        value = self.data[at + 4 + name_size:at + 4 + name_size + value_size]
        return PREFIXES[index] + name, value, (at + 4 + name_size + value_size + 3) // 4 * 4

    def attributes(self, at, count):
        if count == 0:
            return {}
        end = at + 12 + 4 * (count - 1)
        shared = self.data[at + 4]
        found = {}
        for i in range(shared):
            number, = struct.unpack_from("<I", self.data, at + 12 + 4 * i)
            name, value, _ = self.attribute((self.shared << self.bits) + 4 * number)
            found[name] = value
        at += 12 + 4 * shared
        while at < end:
            name, value, at = self.attribute(at)
            found[name] = value
        return found

    def inode(self, number):
        at = (self.meta << self.bits) + 32 * number
        form, attributes, mode = struct.unpack_from("<HHH", self.data, at)
        if form & 1:
            size, block, _, uid, gid, time, _, links = struct.unpack_from("<QIIIIQII", self.data, at + 8)
        else:
            links, size, _, block, _, uid, gid = struct.unpack_from("<HIIIIHH", self.data, at + 6)
            time = self.time
        behind = at + (64 if form & 1 else 32)
        kept = self.attributes(behind, attributes)
        behind += 12 + 4 * (attributes - 1) if attributes else 0
        layout = form >> 1 & 7
        assert layout in (0, 2), f"layout {layout}"
        body = size if layout == 0 else (size - 1) // self.size * self.size
        start = block << self.bits
        if body < size:
            assert behind // self.size == (behind + size - body - 1) // self.size, "a tail across blocks"
        content = self.data[start:start + body] + self.data[behind:behind + size - body]
        return {"mode": mode, "uid": uid, "gid": gid, "time": time, "links": links, "content": content,
                "attributes": kept}

    def entries(self, content):
        """Name and inode of each entry; names are in order, as the kernel's search needs them."""
        last = b""
        for start in range(0, len(content), self.size):
            block = content[start:start + self.size]
            count = struct.unpack_from("<H", block, 8)[0] // 12
            starts = [struct.unpack_from("<H", block, 12 * i + 8)[0] for i in range(count)] + [len(block)]
            for i in range(count):
                name = block[starts[i]:starts[i + 1]].split(b"\0")[0]
                assert last < name, f"{name} does not follow {last}"
                last = name
                yield name, struct.unpack_from("<Q", block, 12 * i)[0], block[12 * i + 10]

    def walk(self, number=None, path=b"/", parent=None):
        number = self.root if number is None else number
        inode = self.inode(number)
        yield path, inode
        if not stat.S_ISDIR(inode["mode"]):
            return
        for name, child, kind in self.entries(inode["content"]):
            if name == b".":
                assert child == number
            elif name == b"..":
                assert child == (number if parent is None else parent)
            else:
                told = {1: stat.S_IFREG, 2: stat.S_IFDIR, 7: stat.S_IFLNK}[kind]
                assert stat.S_IFMT(self.inode(child)["mode"]) == told, name
                yield from self.walk(child, path.rstrip(b"/") + b"/" + name, number)


def tree(path):
    """{path: (mode, uid, gid, attributes, content)}; of folders, no content."""
    image = Image(open(path, "rb").read())
    return {at: (inode["mode"], inode["uid"], inode["gid"], inode["attributes"],
                 None if stat.S_ISDIR(inode["mode"]) else inode["content"])
            for at, inode in image.walk()}
