import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree, NO_NODE, type NodeId } from "../../src/fstree/tree.ts";
import { walkPostOrder } from "../../src/fstree/walk.ts";

const directory = { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec: 0 } as const;
const file = { kind: InodeKind.file, mode: 0o644, uid: 0, gid: 0, mtimeSec: 0 } as const;

function addDirectory(tree: FsTree, parent: NodeId, name: string): NodeId {
  return tree.add(parent, name, tree.inodes.add(directory));
}

describe("FsTree", () => {
  it("new FsTree() is an empty directory, 0755 0:0", () => {
    const tree = new FsTree();
    const root = tree.inode(FsTree.root);
    expect(tree.nodeCount).toBe(1);
    expect(tree.isDirectory(FsTree.root)).toBe(true);
    expect([tree.inodes.mode(root), tree.inodes.uid(root), tree.path(FsTree.root), tree.parent(FsTree.root)]).toEqual([
      0o755,
      0,
      "",
      0,
    ]);
  });

  it("path() joins names from the root", () => {
    const tree = new FsTree();
    const bin = addDirectory(tree, addDirectory(tree, FsTree.root, "usr"), "bin");
    expect(tree.path(bin)).toBe("usr/bin");
    expect(tree.lookup(tree.lookup(FsTree.root, "usr"), "bin")).toBe(bin);
    expect(tree.lookup(FsTree.root, "bin")).toBe(NO_NODE);
  });

  it.each([
    ["", "."],
    ["", ".."],
    ["", ""],
    ["", "a/b"],
    ["", "a\0"],
  ])("add() refuses the name %j%j", (_, name) => {
    const tree = new FsTree();
    expect(() => tree.add(FsTree.root, name, tree.inodes.add(file))).toThrow(TypeError);
  });

  it.each([
    [1, true],
    [127, true],
    [128, true],
    [255, true],
    [256, false],
  ])("add() with a name of %i bytes", (size, fits) => {
    const tree = new FsTree();
    const name = "\xff".repeat(size);
    const add = () => tree.add(FsTree.root, name, tree.inodes.add(file));
    if (fits) expect(tree.name(add())).toBe(name);
    else expect(add).toThrow(RangeError);
  });

  it("add() refuses a taken name and a parent that is no directory", () => {
    const tree = new FsTree();
    const node = tree.add(FsTree.root, "a", tree.inodes.add(file));
    expect(() => tree.add(FsTree.root, "a", tree.inodes.add(file))).toThrow(TypeError);
    expect(() => tree.add(node, "b", tree.inodes.add(file))).toThrow(TypeError);
  });

  it("remove() takes everything below, move() keeps it", () => {
    const tree = new FsTree();
    const a = addDirectory(tree, FsTree.root, "a");
    const b = addDirectory(tree, a, "b");
    tree.add(b, "f", tree.inodes.add(file));
    const c = addDirectory(tree, FsTree.root, "c");
    expect(() => tree.move(a, b)).toThrow(TypeError);
    tree.move(b, c);
    expect([...walkPostOrder(tree)].map((n) => tree.path(n))).toEqual(["a", "c/b/f", "c/b", "c", ""]);
    tree.remove(c);
    expect([...walkPostOrder(tree)].map((n) => tree.path(n))).toEqual(["a", ""]);
    expect(() => tree.remove(FsTree.root)).toThrow(TypeError);
  });

  it("sortedChildren() is in bytewise order", () => {
    const tree = new FsTree();
    const names = ["b", "a", "aa", "\xff", "Z", "a\x01", "\x7f", "\x80"];
    for (const name of names) tree.add(FsTree.root, name, tree.inodes.add(file));
    expect([...tree.sortedChildren(FsTree.root)].map((n) => tree.name(n))).toEqual([...names].sort());
    expect([...tree.children(FsTree.root)].map((n) => tree.name(n)).sort()).toEqual([...names].sort());
  });

  it("walkPostOrder() goes 5,000 directories deep", () => {
    const tree = new FsTree();
    let node: NodeId = FsTree.root;
    for (let i = 0; i < 5000; i++) node = addDirectory(tree, node, "d");
    expect([...walkPostOrder(tree)]).toHaveLength(5001);
    tree.remove(tree.lookup(FsTree.root, "d"));
    expect([...walkPostOrder(tree)]).toEqual([FsTree.root]);
  });

  it("lookup() agrees with a Map after any adds, removals and moves", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
    const step = fc.record({
      what: fc.constantFrom("add", "add", "add", "remove", "move"),
      a: fc.nat(),
      b: fc.nat(),
      name,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const tree = new FsTree();
        let nodes = new Map<string, NodeId>([["", FsTree.root]]);
        for (const { what, a, b, name } of steps) {
          const paths = [...nodes.keys()];
          const pathA = paths[a % paths.length] as string;
          const nodeA = nodes.get(pathA) as NodeId;
          if (what === "add") {
            const path = `${pathA}/${name}`;
            if (!nodes.has(path)) nodes.set(path, addDirectory(tree, nodeA, name));
          } else if (what === "remove" && pathA !== "") {
            tree.remove(nodeA);
            nodes = new Map([...nodes].filter(([path]) => path !== pathA && !path.startsWith(`${pathA}/`)));
          } else if (what === "move" && pathA !== "") {
            const pathB = paths[b % paths.length] as string;
            const target = `${pathB}/${tree.name(nodeA)}`;
            if (nodes.has(target) || `${pathB}/`.startsWith(`${pathA}/`)) continue;
            tree.move(nodeA, nodes.get(pathB) as NodeId);
            const below = (path: string) => path === pathA || path.startsWith(`${pathA}/`);
            nodes = new Map([...nodes].map(([path, n]) => [below(path) ? target + path.slice(pathA.length) : path, n]));
          }
        }
        const found = [...walkPostOrder(tree)].map((n) => [n === FsTree.root ? "" : `/${tree.path(n)}`, n] as const);
        expect(new Map(found)).toEqual(nodes);
        for (const [path, node] of nodes) {
          if (node !== FsTree.root)
            expect(tree.lookup(nodes.get(path.slice(0, path.lastIndexOf("/"))) as NodeId, tree.name(node))).toBe(node);
        }
      }),
      { numRuns: 200 },
    );
  });
});
