// A process that stays in a pod or node of a lab and asks who answers at Services (test/lab/programs/who.ts).

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { findPlace } from '../../src/lab/find.ts';
import { spawnInPlace } from '../../src/lab/spawn.ts';
import type { TestLab } from './lab.ts';
import { testProgram } from './lab-traffic.ts';
import type { WhoOutcome } from './service-lab.ts';

/** A target that was silent within its patience and answered later. */
export interface LateAnswer {
  /** Which call of `ask`, from 0, and which of its targets. */
  readonly line: number;
  readonly index: number;
  readonly outcome: WhoOutcome;
}

export interface AskedOutcomes {
  readonly line: number;
  readonly outcomes: readonly WhoOutcome[];
  /** Of earlier calls. */
  readonly late: readonly LateAnswer[];
}

export interface AskPatience {
  readonly patienceMs: number;
  /** How long an answer is late rather than lost. */
  readonly openMs: number;
}

export class ServiceAsker implements Disposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #lines = 0;

  constructor(lab: TestLab, place: string) {
    const isNode = place === 'world' || place.startsWith('node-');
    const at = isNode ? findPlace(lab.lab.record(), place).place : lab.pod(place);
    this.#child = spawnInPlace(at, [...testProgram('who'), 'asks'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.#child;
    assert(stdout !== null);
    this.#answers = createInterface(stdout)[Symbol.asyncIterator]();
  }

  /** Asks all targets (`tcp,80,10.96.0.1`) at the same time. One call at a time. */
  async ask(targets: readonly string[], patience: AskPatience): Promise<AskedOutcomes> {
    const line = this.#lines++;
    this.#child.stdin?.write(`${JSON.stringify({ targets, ...patience })}\n`);
    const { value, done } = await this.#answers.next();
    assert(done !== true, 'the process that asks has ended');
    return { line, ...(JSON.parse(value) as Omit<AskedOutcomes, 'line'>) };
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}
