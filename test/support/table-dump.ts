// Every table's entries as text, one line per entry, sorted: golden scenarios compare them.

import { attachmentContents } from '../../src/datapath/attach/table.ts';
import type { AttachedHook } from '../../src/datapath/attacher.ts';
import type { StateContents } from '../../src/datapath/contents.ts';
import { locationKindNames, routeKindNames } from '../../src/datapath/generated.ts';
import { limitContents } from '../../src/datapath/host/limits.ts';
import { linkAddressContents } from '../../src/datapath/host/link-addresses.ts';
import { neighbourContents } from '../../src/datapath/host/neighbours.ts';
import { nextHopContents } from '../../src/datapath/host/next-hops.ts';
import { linkContents } from '../../src/datapath/host/overlay-device.ts';
import { routeContents } from '../../src/datapath/host/routes.ts';
import { sysctlContents } from '../../src/datapath/host/sysctls.ts';
import { addressMapContents } from '../../src/datapath/maps/addresses.ts';
import { endpointMapContents } from '../../src/datapath/maps/endpoints.ts';
import { routeMapContents } from '../../src/datapath/maps/routes.ts';
import { underlayContents } from '../../src/datapath/maps/underlay.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { tableBody } from '../../src/datapath/nft/transaction.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import { entriesOf } from './entries-of.ts';

/** Lines by section, in the order in which tables are applied, after the problems and the MTU. */
export function dumpTables(desired: DesiredState): ReadonlyMap<string, readonly string[]> {
  const { problems, podMtuBytes, pathMtuBytes } = desired;
  return new Map([
    ['problems', problems.map(({ object, text }) => `${object}: ${text}`)],
    ['mtu', [`pods ${podMtuBytes}, path ${pathMtuBytes}`]],
    ['sysctls', dump(sysctlContents(), desired, sysctl)],
    ['links', dump(linkContents(), desired, fields)],
    ['link-addresses', dump(linkAddressContents(), desired, ({ ifIndex }) => `index ${ifIndex}`)],
    ...limitSection(desired),
    ['endpoints', dump(endpointMapContents(), desired, ({ value }) => fields(value))],
    [
      'addresses',
      dump(addressMapContents(), desired, ({ value }) => withKind(value, locationKindNames)),
    ],
    [
      'routes-map',
      dump(routeMapContents(), desired, ({ value }) => withKind(value, routeKindNames)),
    ],
    ['underlay', dump(underlayContents(), desired, ({ value }) => fields(value))],
    ['routes', dump(routeContents(), desired, ({ destination: _, ...rest }) => fields(rest))],
    ['neighbours', dump(neighbourContents(), desired, ({ mac }) => mac)],
    ['next-hops', dump(nextHopContents(), desired, () => '')],
    ['nft', nftLines(desired)],
    ['attachments', dump(attachmentContents(), desired, attachment)],
  ]);
}

function nftLines(desired: DesiredState): readonly string[] {
  const entries = entriesOf(nftContents(), desired);
  return entries.size === 0 ? [] : tableBody(entries.values()).split('\n');
}

// Left out where no pod is limited.
function limitSection(desired: DesiredState): readonly [string, readonly string[]][] {
  const lines = dump(limitContents(), desired, ({ ifIndex, bucket }) =>
    fields({ ifIndex, ...bucket }),
  );
  return lines.length === 0 ? [] : [['limits', lines]];
}

export function formatDump(sections: ReadonlyMap<string, readonly string[]>): string {
  return Array.from(sections, ([name, lines]) => [`# ${name}`, ...lines, ''].join('\n')).join('\n');
}

/** Removed (-) and new (+) lines by section; sections without changes are omitted. */
export function formatChange(
  before: ReadonlyMap<string, readonly string[]>,
  after: ReadonlyMap<string, readonly string[]>,
): string {
  const changes = Array.from(after, ([name, lines]) => {
    const old = before.get(name) ?? [];
    const gone = old.filter((line) => !lines.includes(line)).map((line) => `- ${line}`);
    const fresh = lines.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
    return [name, [...gone, ...fresh]] as const;
  });
  return formatDump(new Map(changes.filter(([, lines]) => lines.length > 0)));
}

function dump<Entry>(
  contents: StateContents<Entry>,
  desired: DesiredState,
  format: (entry: Entry) => string,
): readonly string[] {
  return Array.from(entriesOf(contents, desired), ([key, entry]) =>
    `${key}  ${format(entry)}`.trimEnd(),
  ).sort();
}

function sysctl({ value, alsoFine }: { value: string; alsoFine: readonly string[] }): string {
  return [`= ${value}`, ...alsoFine.map((other) => `(or ${other})`)].join(' ');
}

function attachment(attached: AttachedHook): string {
  return attached.target === 'interface' ? `index ${attached.ifIndex}` : '';
}

function withKind(
  { kind, ...rest }: { readonly kind: number },
  names: Readonly<Record<number, string>>,
): string {
  return `${names[kind]} ${fields(rest)}`;
}

function fields(record: object): string {
  return Object.entries(record)
    .filter(([, value]) => !saysNothing(value))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}

function saysNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(saysNothing);
  return value === undefined || value === 0 || value === '::';
}
