// Rules of iptables-legacy, which netfilter keeps beside nftables and shows by a program alone. It is run where tables of
// it are there, never more often than every ten seconds, and what it prints counts with the next look.

import { type ExecFileException, execFile } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { errorText } from '../../../base/errors.ts';
import { legacyReading, ruleCount } from '../rules/legacy-text.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import type { LegacyTables } from './observed-node.ts';

export interface LegacyListing extends LegacyTables {
  readonly ruleSets: readonly RuleSet[];
}

/** A table of iptables-legacy that somebody has used in this namespace, as /proc/net/ip_tables_names has it. */
export interface LegacyTable {
  readonly family: 'ip' | 'ip6';
  readonly table: string;
}

/** What the program prints, or why it did not. */
export type LegacyPrint = { readonly text: string } | { readonly trouble: string };
export type LegacyPrinter = (table: LegacyTable) => Promise<LegacyPrint>;

const none: LegacyListing = { ruleSets: [], read: [], unread: [], trouble: undefined };
const shortestRestMs = 10_000;
// As for rules of nftables: a listing costs no more than half a percent of a processor.
const restShare = 200;
// Without the chains that translate, of which kube-proxy alone may have tens of thousands.
const tablesOfInterest: ReadonlySet<string> = new Set(['filter', 'raw', 'mangle', 'security']);

export class LegacyRules {
  readonly #print: LegacyPrinter;
  readonly #now: () => number;
  #listed = none;
  #tables = '';
  #printed = '';
  #isListing = false;
  #restUntil = 0;

  /** `now`: ms, a clock that nobody sets. */
  constructor(
    print: LegacyPrinter = printWithProgram,
    now: () => number = () => performance.now(),
  ) {
    this.#print = print;
    this.#now = now;
  }

  /** Never waits: the same until a listing that was begun by an earlier look has found something else. */
  look(all: readonly LegacyTable[]): LegacyListing {
    const tables = all.filter(({ table }) => tablesOfInterest.has(table));
    if (tables.length === 0) {
      this.#tables = '';
      this.#listed = none;
      this.#printed = '';
      return none;
    }
    const names = tables.map(nameOf).join(', ');
    const isDue = names !== this.#tables || this.#now() >= this.#restUntil;
    if (isDue && !this.#isListing) {
      this.#isListing = true;
      this.#tables = names;
      void this.#list(tables)
        // What it printed is another program's: what cannot be read of it is no reason to end.
        .catch((error: unknown) => {
          const unread = tables.map(nameOf);
          this.#printed = '';
          this.#listed = { ...none, unread, trouble: `reading it fails: ${errorText(error)}` };
          this.#restUntil = this.#now() + shortestRestMs;
        })
        .finally(() => {
          this.#isListing = false;
        });
    }
    return this.#listed;
  }

  async #list(tables: readonly LegacyTable[]): Promise<void> {
    const began = this.#now();
    const prints: Printed[] = [];
    // One after the other: none of them is urgent.
    for (const table of tables) prints.push({ ...table, print: await this.#print(table) });
    const printed = JSON.stringify(prints.map(steadyPart));
    // Rules that stay are read, and walked through, once.
    if (printed !== this.#printed) this.#listed = await listingOf(prints);
    this.#printed = printed;
    const ended = this.#now();
    this.#restUntil = ended + Math.max(shortestRestMs, (ended - began) * restShare);
  }
}

interface Printed extends LegacyTable {
  readonly print: LegacyPrint;
}

async function listingOf(prints: readonly Printed[]): Promise<LegacyListing> {
  const ruleSets: RuleSet[] = [];
  for (const { family, print } of prints) {
    if ('text' in print) ruleSets.push(...(await readInPieces(family, print.text)));
  }
  const troubles = prints.flatMap(({ print }) => ('trouble' in print ? print.trouble : []));
  return {
    ruleSets,
    read: ruleSets
      .filter(({ isTooLarge }) => !isTooLarge)
      .map((rules) => ({
        name: `${rules.family} ${rules.table}`,
        rules: ruleCount(rules),
      })),
    unread: prints.filter(({ print }) => 'trouble' in print).map(nameOf),
    trouble: troubles[0],
  };
}

async function readInPieces(family: 'ip' | 'ip6', text: string): Promise<readonly RuleSet[]> {
  const reading = legacyReading(family, text);
  for (;;) {
    const { done, value } = reading.next();
    if (done === true) return value;
    await setImmediate();
  }
}

// Without counters of packets and the time of day.
function steadyPart({ family, table, print }: Printed): readonly string[] {
  const text = 'text' in print ? print.text.replace(/^#.*$|\[\d+:\d+\]/gm, '') : print.trouble;
  return [family, table, text];
}

function nameOf({ family, table }: LegacyTable): string {
  return `${family} ${table}`;
}

const deadlineMs = 5_000;
const mostBytes = 8 * 1024 * 1024;

/** Equivalent to: `iptables-legacy-save -t TABLE`, in the namespace of the calling thread. */
function printWithProgram({ family, table }: LegacyTable): Promise<LegacyPrint> {
  const program = family === 'ip' ? 'iptables-legacy-save' : 'ip6tables-legacy-save';
  const options = { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: mostBytes } as const;
  return new Promise((resolve) => {
    execFile(program, ['-t', table], options, (error, text) => {
      resolve(error === null ? { text } : { trouble: `${program} ${reasonOf(error)}` });
    });
  });
}

function reasonOf({ code, killed, message }: ExecFileException): string {
  if (code === 'ENOENT') return 'is not installed where the agent runs';
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'prints more than 8 MiB';
  if (killed === true) return 'did not end within 5 s';
  return `failed: ${message.trim().split('\n').at(-1) ?? ''}`;
}
