import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import fsPromises, { mkdtemp, rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scanDirectory } from './scan.ts';

const node = (name: string): string =>
  `{apiVersion: v1, kind: Node, metadata: {name: ${name}}, spec: {podCIDRs: [192.0.2.0/26]}}\n---\n`;

interface Place {
  readonly directory: string;
  put(file: string, ...nodes: readonly string[]): void;
  move(from: string, to: string): void;
  /** Nodes in a directory that was read before, sorted. */
  scan(): Promise<string>;
}

async function place(context: TestContext): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'heddle-scan-'));
  context.after(() => rm(directory, { recursive: true }));
  const options = { signal: new AbortController().signal };
  const path = (file: string): string => join(directory, file);
  const move = (from: string, to: string): void => renameSync(path(from), path(to));
  let last: Awaited<ReturnType<typeof scanDirectory>> = { files: new Map() };
  return {
    directory,
    put: (file, ...nodes) => {
      writeFileSync(path('.draft'), nodes.map(node).join(''));
      move('.draft', file);
    },
    move,
    scan: async () => {
      last = await scanDirectory(directory, last, options);
      const found = [...last.files.values()].flatMap(({ manifests: { objects } }) => [
        ...objects.keys(),
      ]);
      return found.sort().join();
    },
  };
}

/** Calls `act` with the name of each file of the directory before it is read. */
function beforeEachLook(
  context: TestContext,
  directory: string,
  act: (file: string) => void,
): void {
  const { stat } = fsPromises;
  const restore = (): void => {
    fsPromises.stat = stat;
    syncBuiltinESMExports();
  };
  context.after(restore);
  const patched = (path: string): ReturnType<typeof stat> => {
    if (dirname(path) === directory) act(basename(path));
    return stat(path);
  };
  fsPromises.stat = patched as typeof stat;
  syncBuiltinESMExports();
}

function once(file: string, act: () => void): (file: string) => void {
  let isDone = false;
  return (looked) => {
    if (looked !== file || isDone) return;
    isDone = true;
    act();
  };
}

test('a file renamed while the directory is read keeps its objects', async (context) => {
  const { directory, put, move, scan } = await place(context);
  put('a.yaml', 'n1');
  put('nodes.yaml', 'n2', 'n3');
  assert.equal(await scan(), 'Node n1,Node n2,Node n3');
  beforeEachLook(
    context,
    directory,
    once('a.yaml', () => move('nodes.yaml', 'all-nodes.yaml')),
  );
  put('a.yaml', 'n1', 'n4');
  assert.equal(await scan(), 'Node n1,Node n2,Node n3,Node n4');
});

test('an object that moves to a file that was already read is not lost', async (context) => {
  const { directory, put, scan } = await place(context);
  put('a.yaml', 'n1');
  put('b.yaml', 'n2', 'n3');
  assert.equal(await scan(), 'Node n1,Node n2,Node n3');
  const moved = (): void => {
    put('a.yaml', 'n1', 'n3');
    put('b.yaml', 'n2');
  };
  beforeEachLook(context, directory, once('b.yaml', moved));
  assert.equal(await scan(), 'Node n1,Node n2,Node n3');
});

test('while names keep changing no file is missing, and additions are read', async (context) => {
  const { directory, put, move, scan } = await place(context);
  put('a.yaml', 'n1');
  put('m0.yaml', 'n2');
  assert.equal(await scan(), 'Node n1,Node n2');
  let moves = 0;
  beforeEachLook(context, directory, (file) => {
    if (file === 'a.yaml') move(`m${moves++}.yaml`, `m${moves}.yaml`);
  });
  put('b.yaml', 'n3');
  assert.equal(await scan(), 'Node n1,Node n2,Node n3');
  assert.ok(moves > 1 && moves < 10, String(moves));
});

test('a deleted file is missing', async (context) => {
  const { put, move, scan } = await place(context);
  put('a.yaml', 'n1');
  put('b.yaml', 'n2');
  assert.equal(await scan(), 'Node n1,Node n2');
  move('b.yaml', 'b.off');
  assert.equal(await scan(), 'Node n1');
});
