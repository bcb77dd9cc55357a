// Labs for tests: the tests of a `describe` share one, which is started before them and removed after them, also if
// they fail. Remains of an earlier run (whose process has ended) are removed first.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, before } from 'node:test';
import { stringify } from 'yaml';
import type { NodeStatus } from '../../src/api/status.ts';
import { findPlace, findPod } from '../../src/lab/find.ts';
import { Lab, type LabOptions } from '../../src/lab/lab.ts';
import { heddleCommand } from '../../src/lab/paths.ts';
import type { EchoAnswer } from '../../src/lab/programs/echo-answer.ts';
import { type LabNodeRecord, labNames, type PodRecord } from '../../src/lab/record.ts';
import { removeLab } from '../../src/lab/remove.ts';
import { type Finished, runInPlace } from '../../src/lab/spawn.ts';
import { reasonToSkip } from './root-test.ts';

/** File name -> objects; each file becomes one manifest of several documents. */
export type Manifests = Readonly<Record<string, readonly object[]>>;

export type TestLabOptions = Partial<Pick<LabOptions, 'mode' | 'nodes' | 'settings'>> & {
  readonly manifests: Manifests;
};

/** Registers start and removal with the enclosing `describe` (or file); the lab exists when its tests run. */
export function sharedLab(options: TestLabOptions): () => TestLab {
  let current: TestLab | undefined;
  before(async () => {
    if (reasonToSkip() === undefined) current = await TestLab.start(options);
  });
  after(async () => {
    await current?.close();
  });
  return () => {
    assert(current !== undefined, 'the lab did not start');
    return current;
  };
}

let count = 0;

export class TestLab {
  readonly lab: Lab;
  /** The folder of manifests; a test edits it. */
  readonly source: string;
  readonly notes: string[];

  private constructor(lab: Lab, source: string, notes: string[]) {
    this.lab = lab;
    this.source = source;
    this.notes = notes;
  }

  static async start(options: TestLabOptions): Promise<TestLab> {
    await removeDeadLabs();
    const source = mkdtempSync(join(tmpdir(), 'heddle-test-lab-'));
    const notes: string[] = [];
    for (const [name, objects] of Object.entries(options.manifests)) {
      writeManifest(join(source, name), objects);
    }
    const { mode = 'native', nodes = 2, settings = {} } = options;
    const name = newLabName();
    const onNote = (text: string): void => void notes.push(text);
    let lab: Lab | undefined;
    try {
      lab = await Lab.build({ name, source, mode, nodes, settings, onNote });
      await lab.startAgents();
      await lab.startPods();
      lab.watch();
      return new TestLab(lab, source, notes);
    } catch (error) {
      await lab?.close();
      rmSync(source, { recursive: true });
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.lab.close();
    rmSync(this.source, { recursive: true });
  }

  /** `shop/web-1`, or `web-1` if only one pod has that name. */
  pod(text: string): PodRecord {
    return findPod(this.lab.record(), text);
  }

  node(name: string): LabNodeRecord {
    const node = this.lab.record().nodes.find((each) => each.name === name);
    assert(node !== undefined, `no node ${name}`);
    return node;
  }

  /** The pod's or node's address of a family. */
  address(of: PodRecord | LabNodeRecord, family: 4 | 6): string {
    const found = of.addresses.find((address) => address.includes(':') === (family === 6));
    assert(found !== undefined, `${of.name} has no IPv${family} address`);
    return found;
  }

  /** Runs a command in a pod, which is chosen by name. */
  inPod(pod: string, command: readonly string[], input?: string): Promise<Finished> {
    return runInPlace(this.pod(pod), command, input === undefined ? {} : { input });
  }

  /** Runs in a node, in `world` or in `switch`; there `heddle` is the built program. */
  inNode(node: string, command: readonly string[]): Promise<Finished> {
    const { place, environment } = findPlace(this.lab.record(), node);
    return runInPlace(place, command, { environment });
  }

  /** The agent's answer to GET `path`. */
  async ask<Answer>(node: string, path: string): Promise<Answer> {
    return (await getJson(this.node(node).socket, path)) as Answer;
  }

  status(node: string): Promise<NodeStatus> {
    return this.ask(node, '/v1/status');
  }

  /** `heddle WORDS` against a node's agent. */
  heddle(node: string, words: readonly string[]): Promise<Finished> {
    return this.inNode(node, [...heddleCommand(), ...words]);
  }
}

/** Writes the objects as documents of one file, in one step. */
export function writeManifest(path: string, objects: readonly object[]): void {
  writeFileSync(path, objects.map((object) => stringify(object)).join('---\n'));
}

/** A pod that runs the lab's echo server. */
export function echoPod(name: string, node?: string, namespace = 'shop'): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: name } },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      containers: [{ name: 'echo', image: 'heddle-echo' }],
    },
  };
}

/** Three pods: two on the same node, one on the other. */
export const threePods: Manifests = {
  'pods.yaml': [echoPod('web-1', 'node-1'), echoPod('cart-1', 'node-1'), echoPod('db-1', 'node-2')],
};

/** `[2001:db8::1]` in a URL. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** `curl` with short timeouts. */
export function curl(address: string, path = '/', ...words: readonly string[]): readonly string[] {
  const url = `http://${urlHost(address)}:8080${path}`;
  return ['curl', '-sS', '--max-time', '10', '-H', 'Accept: application/json', ...words, url];
}

/** The echo server's answer; the command must have succeeded. */
export function echoAnswer(finished: Finished): EchoAnswer {
  assert.equal(finished.exitCode, 0, `${finished.stderr}${finished.stdout}`);
  return JSON.parse(finished.stdout) as EchoAnswer;
}

export async function eventuallyDefined<Value>(
  what: string,
  check: () => Promise<Value | undefined> | Value | undefined,
  timeoutMs = 10_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) assert.fail(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function newLabName(): string {
  count += 1;
  return `test-${process.pid}-${count}`;
}

export async function removeDeadLabs(): Promise<void> {
  for (const name of labNames()) {
    const pid = /^test-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await removeLab(name);
  }
}

function getJson(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path }, (response) => {
      json(response).then(resolve, reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}
