// What a client gets by the kernel's tables of Services, read as bpf/shared-services.h describes them. Shares no code with
// the parts that write them.

import assert from 'node:assert/strict';
import type {
  Choice,
  LookupBlock,
  ServiceEntry,
  ServiceKey,
  Slot,
  SlotKey,
  SourceRange,
  SourceRangeKey,
} from '../../src/datapath/generated.ts';
import type { BpfMap } from '../../src/kernel/bpf/map.ts';
import { mappedBytes, parseAddress } from '../../src/net/address.ts';
import type { ServiceAnswer, ServiceQuestion } from './service-oracle.ts';

export interface ReadableServiceMaps {
  readonly frontends: BpfMap<ServiceKey, ServiceEntry>;
  readonly slots: BpfMap<SlotKey, Slot>;
  readonly lookups: BpfMap<SlotKey, LookupBlock>;
  readonly sourceRanges: BpfMap<SourceRangeKey, SourceRange>;
}

export interface ReadAnswer {
  readonly answer: ServiceAnswer;
  /** Of the backends of the answer. */
  readonly numbers: readonly number[];
  readonly masquerade: boolean;
}

const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/** `nodeAddresses`: addresses of the node at which node ports answer. */
export function readAnswer(
  maps: ReadableServiceMaps,
  nodeAddresses: readonly string[],
  { from, source, address: text, port, protocol: name }: ServiceQuestion,
): ReadAnswer {
  const address = parseAddress(text);
  const protocol = protocolNumbers[name];
  const any = parseAddress(text.includes(':') ? '::' : '0.0.0.0');
  const entry =
    maps.frontends.get({ address, port, protocol }) ??
    (nodeAddresses.includes(text)
      ? maps.frontends.get({ address: any, port, protocol })
      : undefined) ??
    maps.frontends.get({ address, port: 0, protocol: 0 });
  if (entry === undefined) return { answer: 'not a service', numbers: [], masquerade: false };
  if (entry.hasSourceRanges === 1 && !isAllowed(maps, entry.service, source))
    return { answer: 'drop', numbers: [], masquerade: false };
  return readChoice(maps, from === 'outside' ? entry.outside : entry.inside);
}

function readChoice({ slots }: ReadableServiceMaps, choice: Choice): ReadAnswer {
  const { kind, list, count } = choice;
  const masquerade = choice.masquerade === 1;
  if (kind !== 1) return { answer: kind === 2 ? 'refuse' : 'drop', numbers: [], masquerade };
  assert.ok(count > 0, `list ${list} has ${count} slots`);
  const found = Array.from({ length: count }, (_, index) => {
    const slot = slots.get({ list, index });
    assert.ok(slot !== undefined, `slot ${index} of list ${list} is missing`);
    assert.equal(slot.list, list);
    return slot;
  });
  const numbers = found.map(({ backend }) => backend);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((left, right) => left - right),
  );
  const answer = found.map(({ address, port }) => `${address} ${port}`).sort();
  return { answer, numbers, masquerade };
}

function isAllowed({ sourceRanges }: ReadableServiceMaps, service: number, source: string) {
  const bits = bitsOf(mappedBytes(parseAddress(source)));
  return [...sourceRanges.entries()].some(([key, { allowed }]) => {
    const length = key.prefixLength - 32;
    const range = bitsOf(mappedBytes(key.address)).slice(0, length);
    return key.service === service && allowed === 1 && bits.startsWith(range);
  });
}

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}
