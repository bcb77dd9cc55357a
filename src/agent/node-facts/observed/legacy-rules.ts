// Rules of iptables-legacy, which netfilter keeps in addition to nftables and only a separate program can show. The
// program runs if such tables exist, at most every ten seconds, and its output is used in the next check.

import { type ExecFileException, execFile } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { errorText } from '../../../base/errors.ts';
import type { LegacyTable } from '../../../kernel/netfilter/legacy-tables.ts';
import { legacyReading, ruleCount } from '../rules/legacy-text.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import type { LegacyTables } from './observed-node.ts';

export interface LegacyListing extends LegacyTables {
  readonly ruleSets: readonly RuleSet[];
}

/** Output of the program, or why it failed. */
export type LegacyPrint = { readonly text: string } | { readonly trouble: string };
export type LegacyPrinter = (table: LegacyTable) => Promise<LegacyPrint>;

const none: LegacyListing = { ruleSets: [], read: [], unread: [], trouble: undefined };
const shortestRestMs = 10_000;
// As for nftables rules: listing takes at most half a percent of a processor.
const restShare = 200;
// Without NAT tables, where kube-proxy alone may have tens of thousands of chains.
const tablesOfInterest: ReadonlySet<string> = new Set(['filter', 'raw', 'mangle', 'security']);

export class LegacyRules {
  readonly #print: LegacyPrinter;
  readonly #now: () => number;
  #listed = none;
  #tables = '';
  #printed = '';
  #isListing = false;
  #restUntil = 0;

  /** `now`: monotonic time in ms. */
  constructor(
    print: LegacyPrinter = printWithProgram,
    now: () => number = () => performance.now(),
  ) {
    this.#print = print;
    this.#now = now;
  }

  /** Never waits. The result stays the same until a listing started by an earlier check finds a change. */
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
        // The output comes from another program. Output that cannot be parsed must not end the agent.
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
    // Sequential, because none of them is urgent.
    for (const table of tables) prints.push({ ...table, print: await this.#print(table) });
    const printed = JSON.stringify(prints.map(steadyPart));
    // Unchanged rules are parsed and walked only once.
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
      .filter(({ tooLarge }) => tooLarge === undefined)
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

// Without packet counters and the time of day.
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
