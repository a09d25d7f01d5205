#!/usr/bin/env python3
"""Makes a directory with every kind of file that SquashFS has. Usage: sample-tree.py DIR [small|large]

The same names, contents, modes and times each time. As root also owners, devices, capabilities and trusted
attributes. "small" is what the golden images are made of; "large" adds big files and a directory of 20,000.
"""
import hashlib
import os
import socket
import stat
import sys

root, size = sys.argv[1], (sys.argv[2:] or ["small"])[0]
is_root = os.geteuid() == 0


def noise(count, seed):
    """Bytes that do not compress, the same each time."""
    blocks = (hashlib.sha256(f"{seed} {i}".encode()).digest() for i in range(count // 32 + 1))
    return b"".join(blocks)[:count]


def text(count, seed):
    return b"".join(b"%s line %d of some text that compresses\n" % (seed.encode(), i) for i in range(count // 20 + 1))[:count]


def path(name):
    return os.path.join(os.fsencode(root), name if isinstance(name, bytes) else name.encode())


def file(name, content=b"", mode=0o644):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "wb") as f:
        f.write(content)
    os.chmod(path(name), mode)


def sparse(name, pieces, length):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "wb") as f:
        for offset, content in pieces:
            f.seek(offset)
            f.write(content)
        f.truncate(length)


def xattr(name, key, value):
    os.setxattr(path(name), key, value, follow_symlinks=False)


os.makedirs(root)
block = 131072
file("empty")
file("one", b"x")
file("hello.txt", b"hello world\n", 0o4755)
file("noise", noise(5000, "noise"))
file("same-as-noise", noise(5000, "noise"), 0o600)
file("text", text(9000, "text"), 0o2640)
for count in (4095, 4096, 4097, 8192):
    file(f"size-{count}", text(count, str(count)))
file(b"caf\xe9 not utf-8", b"latin1\n")
file("caf\u00e9 \u2603", b"utf-8\n")
file("n" * 255, b"the longest name\n")
file("dir/sub/deep/file", b"deep\n")
os.makedirs(path("empty-dir"))
os.symlink("dir/sub/deep/file", path("link"))
os.symlink("/dir/./sub/../sub", path("absolute"))
os.symlink("nowhere", path("dangling"))
os.symlink("loop-b", path("loop-a"))
os.symlink("loop-a", path("loop-b"))
os.symlink("t/" * 2000 + "end", path("long-target"))
os.link(path("noise"), path("dir/hard-1"))
os.link(path("noise"), path("dir/sub/hard-2"))
sparse("sparse", [(20000, b"in the middle")], 50000)
sparse("only-hole", [], 3 * block + 17)
os.mkfifo(path("fifo"))
os.link(path("fifo"), path("fifo-link"))
listener = socket.socket(socket.AF_UNIX)
here = os.getcwd()
os.chdir(root)
listener.bind("socket")
os.chdir(here)
# A listing of more than 8 KiB, so that the directory gets an index.
for i in range(200):
    file(f"many/file number {i:03} with a name of some length", b"%d\n" % i if i % 10 == 0 else b"")
file("attributed/one")
file("attributed/two")
file("attributed/three")
xattr("attributed/one", "user.shared", b"shared " * 40)
xattr("attributed/two", "user.shared", b"shared " * 40)
xattr("attributed/two", "user.own", b"\x00\xff own")
xattr("attributed/three", "user.empty", b"")
xattr("attributed", "user.of a directory", b"yes")
if is_root:
    for name, kind, major, minor in (("null", stat.S_IFCHR, 1, 3), ("big", stat.S_IFBLK, 259, 70000)):
        os.mknod(path(name), kind | 0o620, os.makedev(major, minor))
    xattr("null", "trusted.device", b"d")
    xattr("link", "trusted.link", b"l")
    xattr("fifo", "trusted.fifo", b"f" * 300)
    xattr("hello.txt", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.chown(path("text"), 1000, 100)
    os.chown(path("dir"), 0xFFFFFFFE, 65534)
    os.chown(path("link"), 5, 6, follow_symlinks=False)
    os.chmod(path("text"), 0o2640)
if size == "large":
    for count in (block - 1, block, block + 1, 3 * block, 1048576, 5 * 1048576 + 12345):
        file(f"large/text-{count}", text(count, f"large {count}"))
        file(f"large/noise-{count}", noise(count, f"large {count}"))
    sparse("large/sparse", [(block, noise(10, "a")), (7 * block + 5, noise(3 * block, "b")), (1 << 24, b"end")], (1 << 24) + 9000)
    for i in range(20000):
        file(f"crowd/entry number {i}", b"%d" % (i // 2) if i % 5 == 0 else b"")
    for i in range(3000):
        file(f"owned-{i % 300}/{i}", b"x" * (i % 50))

# Times last, since making things changes them. Before 2038 and after, and the first second.
paths = [os.fsencode(root)]
for folder, folders, files in os.walk(os.fsencode(root)):
    paths += [os.path.join(folder, name) for name in folders + files]
for p in sorted(paths):
    digest = int.from_bytes(hashlib.sha256(p[len(root) :]).digest()[:4], "big")
    os.utime(p, (0, digest % 0xF0000000), follow_symlinks=False)
