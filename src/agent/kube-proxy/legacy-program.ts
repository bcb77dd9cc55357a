// The programs of iptables-legacy: the kernel's own interface to these tables is theirs alone.

import { type ExecFileException, execFile } from 'node:child_process';
import type { LegacyTable } from '../../kernel/netfilter/legacy-tables.ts';

/** `missing`: it is not installed here. */
export type LegacyRun =
  | { readonly kind: 'done'; readonly text: string }
  | { readonly kind: 'refused' | 'missing'; readonly text: string };

const deadlineMs = 60_000;
const mostBytes = 256 * 1024 * 1024;

/** Equivalent to: `iptables-legacy-save -t TABLE`. */
export function saveLegacy({ family, table }: LegacyTable): Promise<LegacyRun> {
  return run(`${prefix[family]}-legacy-save`, ['-t', table], '');
}

/** Equivalent to: `iptables-legacy-restore --noflush --wait 5`: all of the text's changes, or none. */
export function restoreLegacy(family: LegacyTable['family'], text: string): Promise<LegacyRun> {
  return run(`${prefix[family]}-legacy-restore`, ['--noflush', '--wait', '5'], text);
}

/** Equivalent to: `iptables-legacy -t TABLE -S CHAIN 1`. Undefined: it cannot be found out. */
export async function hasLegacyChain(
  { family, table }: LegacyTable,
  chain: string,
): Promise<boolean | undefined> {
  const { kind } = await run(`${prefix[family]}-legacy`, ['-t', table, '-S', chain, '1'], '');
  return kind === 'missing' ? undefined : kind === 'done';
}

const prefix = { ip: 'iptables', ip6: 'ip6tables' } as const;

function run(program: string, words: readonly string[], input: string): Promise<LegacyRun> {
  const options = { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: mostBytes } as const;
  return new Promise((resolve) => {
    const child = execFile(program, words, options, (error, text) => {
      if (error === null) resolve({ kind: 'done', text });
      else if (error.code === 'ENOENT')
        resolve({ kind: 'missing', text: `${program} is not installed here` });
      else resolve({ kind: 'refused', text: `${program} failed: ${reasonOf(error)}` });
    });
    // A program that is missing or has ended does not read.
    child.stdin?.on('error', () => undefined).end(input);
  });
}

function reasonOf({ killed, message }: ExecFileException): string {
  if (killed === true) return `it did not end within ${deadlineMs / 1000} s`;
  return message.trim().split('\n').slice(1).join(' ') || message;
}
