// Changes that other programs make on a node and that a fact reports, one after the other, with the text of `heddle
// status` for each.

import assert from 'node:assert/strict';
import type { FactView, NodeStatus } from '../../src/api/status.ts';
import { eventuallyDefined, type TestLab } from './lab.ts';

export const deedSettings = { reconcilePeriodMs: 400 };

/** Listings of foreign rules pause for 200 times the duration of the last one, which is long on a busy machine. */
const patienceMs = 40_000;

export interface Deed {
  readonly what: string;
  /** A shell command in node-1. */
  readonly begin: string;
  readonly end: string;
  readonly fact: string;
  /** Information about a node without problems has the state `ok`. */
  readonly state: 'ok' | 'note' | 'problem';
  readonly text: RegExp;
}

// nft's parser needs a line end before each closing brace.
export const nft = (body: string): string =>
  `nft -f - <<'END'\n${body.replace(/ \}(?=\s*(\}|$))/g, '\n}')}\nEND`;

export async function shown(lab: TestLab, { begin, end, fact, state, text }: Deed): Promise<void> {
  await run(lab, begin);
  try {
    const view = await eventuallyDefined(
      `${fact} is a ${state}`,
      async () => {
        const found = (await everyFact(lab)).find(({ id }) => id === fact);
        return found?.state === state && found.text !== undefined ? found : undefined;
      },
      patienceMs,
    );
    assert.match(view.text ?? '', text);
    const screen = await lab.heddle('node-1', ['status']);
    assert.ok(screen.stdout.includes(view.text ?? '-'), screen.stdout);
    const others = (await everyFact(lab)).filter(
      ({ id, state: other }) => id !== fact && other === 'problem',
    );
    assert.deepEqual(others, [], 'nothing else is blamed');
    assert.equal(screen.exitCode, state === 'problem' ? 1 : 0, screen.stdout);
  } finally {
    await run(lab, end);
  }
  await eventuallyDefined(
    `${fact} holds again`,
    async () => {
      const found = (await everyFact(lab)).find(({ id }) => id === fact);
      return found?.state === 'ok' && found.text === undefined ? true : undefined;
    },
    patienceMs,
  );
  await eventuallyDefined(
    'healthy',
    async () => ((await lab.status('node-1')).health.state === 'healthy' ? true : undefined),
    patienceMs,
  );
}

export async function everyFact(lab: TestLab): Promise<readonly FactView[]> {
  const { facts }: NodeStatus = await lab.status('node-1');
  return facts;
}

/** Waits for two checks. */
export async function settled(lab: TestLab): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 3 * deedSettings.reconcilePeriodMs));
  await lab.status('node-1');
}

export async function run(lab: TestLab, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode('node-1', ['bash', '-c', script]);
  assert.equal(exitCode, 0, `${script}\n${stderr}`);
}
