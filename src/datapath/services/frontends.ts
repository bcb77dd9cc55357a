// Map `frontends`: what clients get at each address and port of a Service.

import type {
  ClientChoice,
  DesiredServices,
  ServiceFrontend,
} from '../../model/services/plan/desired-services.ts';
import { addressFamily } from '../../net/address.ts';
import { protocolName } from '../../net/protocol.ts';
import type { DesiredContents, EntryFailure, Keyed, Table } from '../../reconcile/table.ts';
import { type Choice, choiceKind, type ServiceEntry, type ServiceKey } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from '../maps/map-table.ts';
import { type KernelLists, listsIn } from './kernel-lists.ts';
import { protocolNumber } from './protocols.ts';

export type FrontendEntry = MapEntry<ServiceKey, ServiceEntry>;

export function frontendContents(): DesiredContents<
  DesiredServices,
  FrontendEntry,
  ServiceFrontend
> {
  return {
    groups: () => [],
    items: { of: ({ frontends }) => frontends, entriesOf: (frontend) => [entryOf(frontend)] },
  };
}

function entryOf(frontend: ServiceFrontend): Keyed<FrontendEntry> {
  const { address, port = 0, protocol, number, inside, outside } = frontend;
  const key = { address, port, protocol: protocolNumber(protocol) };
  const value: ServiceEntry = {
    ...{ key, service: number, inside: choiceOf(inside), outside: choiceOf(outside) },
    affinitySeconds: frontend.affinitySeconds,
    hasSourceRanges: frontend.hasSourceRanges ? 1 : 0,
    isConsistent: frontend.isConsistent ? 1 : 0,
  };
  return [show(key), { key, value }];
}

const refuse: Choice = { list: 0, count: 0, kind: choiceKind.refuse, masquerade: 0 };
const drop: Choice = { list: 0, count: 0, kind: choiceKind.drop, masquerade: 0 };

function choiceOf(choice: ClientChoice): Choice {
  if (choice.kind !== 'backends') return choice.kind === 'drop' ? drop : refuse;
  const { list, count, masquerade } = choice;
  return { list, count, kind: choiceKind.backends, masquerade: masquerade ? 1 : 0 };
}

/** An entry is written only if its lists are, and remembered for the lists' deletion. */
export function frontendTable(
  map: WritableMap<ServiceKey, ServiceEntry>,
  kernelLists: KernelLists,
): Table<FrontendEntry> {
  const table = bpfMapTable<ServiceKey, ServiceEntry>({
    name: 'service-frontends',
    ...{ map, sizeKey: 'services.frontendEntries', show, equal: isSame },
  });
  let last: ReadonlyMap<string, FrontendEntry> | undefined;
  const note = (
    entries: readonly FrontendEntry[],
    failures: readonly EntryFailure[],
    entryOf: (entry: FrontendEntry) => ServiceEntry | undefined,
  ): readonly EntryFailure[] => {
    const failed = new Set(failures.map(({ key }) => key));
    for (const entry of entries) {
      const key = table.key(entry);
      if (!failed.has(key)) kernelLists.setFrontend(key, entryOf(entry));
    }
    return failures;
  };
  return {
    ...table,
    list: (desired) => {
      const found = table.list(desired);
      if (found !== last) kernelLists.replaceFrontends(found);
      last = found;
      return found;
    },
    set: (entries) => {
      const missing = (entry: FrontendEntry): number | undefined =>
        listsIn(entry.value).find((list) => !kernelLists.isComplete(list));
      const ready = entries.filter((entry) => missing(entry) === undefined);
      const failures = note(ready, table.set(ready), ({ value }) => value);
      const waiting = entries.flatMap((entry) => {
        const list = missing(entry);
        const error = new Error(`its backends, list ${list} of service-slots, are not written`);
        return list === undefined ? [] : [{ key: table.key(entry), error }];
      });
      return [...failures, ...waiting];
    },
    delete: (entries) => note(entries, table.delete(entries), () => undefined),
  };
}

/** `10.96.0.1:80/tcp`, `10.96.0.1:other` */
function show({ address, port, protocol }: ServiceKey): string {
  const host = addressFamily(address) === 6 ? `[${address}]` : address;
  return port === 0 && protocol === 0
    ? `${host}:other`
    : `${host}:${port}/${protocolName(protocol)}`;
}

function isSame(left: ServiceEntry, right: ServiceEntry): boolean {
  return (
    left.service === right.service &&
    left.affinitySeconds === right.affinitySeconds &&
    left.hasSourceRanges === right.hasSourceRanges &&
    left.isConsistent === right.isConsistent &&
    left.key.address === right.key.address &&
    left.key.port === right.key.port &&
    left.key.protocol === right.key.protocol &&
    isSameChoice(left.inside, right.inside) &&
    isSameChoice(left.outside, right.outside)
  );
}

function isSameChoice(left: Choice, right: Choice): boolean {
  return (
    left.kind === right.kind &&
    left.list === right.list &&
    left.count === right.count &&
    left.masquerade === right.masquerade
  );
}
