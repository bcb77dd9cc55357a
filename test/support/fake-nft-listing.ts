// The listing of a table in memory, as libnftables-json(5) has it.

import type { FakeCollection, FakeNftTable } from './fake-nft-table.ts';

export function listingOf(table: FakeNftTable): readonly unknown[] {
  const place = { family: 'inet', table: 'heddle' };
  return [
    { table: { family: 'inet', name: 'heddle', handle: table.handle } },
    ...Array.from(table.chains, ([name, { place: text, handle }]) => ({
      chain: { ...place, name, handle, ...hookOf(text) },
    })),
    ...Array.from(table.counters, ([name, handle]) => ({ counter: { ...place, name, handle } })),
    ...Array.from(table.collections, ([name, collection]) => ({
      [collection.kind]: { ...place, name, ...collectionOf(collection) },
    })),
    ...Array.from(table.chains).flatMap(([chain, { rules }]) =>
      rules.map(({ text, comment, handle }) => ({
        rule: { ...place, chain, handle, ...(comment === '' ? {} : { comment }), expr: [text] },
      })),
    ),
  ];
}

function hookOf(place: string): object {
  const found = /^type (\w+) hook (\w+) priority (-?\d+); policy (\w+);$/.exec(place);
  if (found === null) return {};
  const [, type, hook, priority, policy] = found;
  return { type, hook, prio: Number(priority), policy };
}

function collectionOf({ content, elements, handle }: FakeCollection): object {
  const [type = '', flags] = content.split('; ');
  const [key, value] = type
    .replace(/^type /, '')
    .split(' : ')
    .map(typeOf);
  const elem = Array.from(elements, ([left, right]) =>
    right === '' ? elementOf(left) : [elementOf(left), elementOf(right)],
  );
  return {
    ...{ type: key, handle },
    ...(value === undefined ? {} : { map: value }),
    ...(flags === undefined ? {} : { flags: flags.replace(/^flags /, '').split(',') }),
    ...(elem.length === 0 ? {} : { elem }),
  };
}

function typeOf(text: string): string | readonly string[] {
  const parts = text.split(' . ');
  return parts.length === 1 ? text : parts;
}

function elementOf(text: string): unknown {
  const parts = text.split(' . ');
  if (parts.length > 1) {
    return { concat: parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part)) };
  }
  const [, address = text, length = ''] = /^(.*)\/(\d+)$/.exec(text) ?? [];
  const isHost = Number(length) === (address.includes(':') ? 128 : 32);
  return isHost ? address : { prefix: { addr: address, len: Number(length) } };
}
