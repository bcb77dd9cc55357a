// The tables of Services, in the order in which they are applied, and what they hold when an agent starts.

import { frontendKey } from '../../model/services/frontend.ts';
import type {
  ClientBackends,
  DesiredServices,
  FoundServices,
} from '../../model/services/plan/desired-services.ts';
import { addressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { trackTable } from '../../reconcile/tracked-table.ts';
import type { TrackedTable, Tracking } from '../../reconcile/tracking.ts';
import {
  type Choice,
  choiceKind,
  type LookupBlock,
  type ServiceEntry,
  type ServiceKey,
  type Slot,
  type SlotKey,
  type SourceRange,
  type SourceRangeKey,
} from '../generated.ts';
import { countingChanges, type GenerationMap } from '../maps/generation.ts';
import type { WritableMap } from '../maps/map-table.ts';
import { frontendContents, frontendTable } from './frontends.ts';
import type { KernelLists } from './kernel-lists.ts';
import { lookupContents, lookupsTable } from './lookups.ts';
import { transportProtocol } from './protocols.ts';
import { readSlots } from './read-slots.ts';
import { slotContents, slotTable } from './slots.ts';
import { sourceRangeContents, sourceRangeTable } from './source-ranges.ts';

export interface ServiceMaps {
  readonly frontends: WritableMap<ServiceKey, ServiceEntry>;
  readonly slots: WritableMap<SlotKey, Slot>;
  readonly lookups: WritableMap<SlotKey, LookupBlock>;
  readonly sourceRanges: WritableMap<SourceRangeKey, SourceRange>;
  /** A new frontend may have the address of a way that flows remember. */
  readonly tableGeneration: GenerationMap;
}

export interface ServiceTargets {
  readonly maps: ServiceMaps;
  /** Shared with the plan (`isInKernel`). */
  readonly kernelLists: KernelLists;
}

/**
 * For a `Reconciler<DesiredServices>`. Slots, lookup tables and ranges are written before the frontends that refer to them, and deleted
 * after them.
 */
export function serviceTables({
  maps,
  kernelLists,
}: ServiceTargets): readonly ((tracking: Tracking) => TrackedTable<DesiredServices>)[] {
  return [
    trackTable(slotTable(maps.slots, kernelLists), slotContents()),
    trackTable(lookupsTable(maps.lookups), lookupContents()),
    trackTable(sourceRangeTable(maps.sourceRanges), sourceRangeContents()),
    trackTable(
      countingChanges(frontendTable(maps.frontends, kernelLists), maps.tableGeneration),
      frontendContents(),
    ),
  ];
}

/** Throws KernelError. */
export function foundServices({
  frontends,
  slots,
}: Pick<ServiceMaps, 'frontends' | 'slots'>): FoundServices {
  const portNumbers = new Map<string, number>();
  const counts = new Map<string, ClientBackends>();
  for (const [key, { service, inside, outside }] of frontends.entries()) {
    const name = claimKey(key);
    if (name === undefined || service === 0) continue;
    portNumbers.set(name, service);
    const [own, others] = [countIn(inside), countIn(outside)];
    if (own + others > 0) counts.set(name, { inside: own, outside: others });
  }
  const lists = readSlots(slots.entries()).filter(({ isBroken }) => !isBroken);
  return { lists, portNumbers, counts };
}

function countIn({ kind, count }: Choice): number {
  return kind === choiceKind.backends ? count : 0;
}

// As the plan names the frontend. Undefined: it is none of a port.
function claimKey({ address, port, protocol: number }: ServiceKey): string | undefined {
  const protocol = transportProtocol(number);
  if (protocol === undefined || port === 0) return undefined;
  const isAny = address === '0.0.0.0' || address === '::';
  return frontendKey({
    ...(isAny ? {} : { address }),
    ...{ family: addressFamily(address), port: port as Port, protocol, portIndex: 0 },
  });
}
