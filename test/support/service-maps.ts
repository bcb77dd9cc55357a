// The tables of Services in a loaded data path.

import type { UndoStack } from '../../src/base/undo.ts';
import {
  type Affinity,
  type AffinityKey,
  type LookupBlock,
  maps,
  type ServiceEntry,
  type ServiceKey,
  type Slot,
  type SlotKey,
  type SourceRange,
  type SourceRangeKey,
} from '../../src/datapath/generated.ts';
import type { BpfMap } from '../../src/kernel/bpf/map.ts';
import type { BpfObject } from '../../src/kernel/bpf/object.ts';

export interface TestServiceMaps {
  readonly frontends: BpfMap<ServiceKey, ServiceEntry>;
  readonly slots: BpfMap<SlotKey, Slot>;
  readonly lookups: BpfMap<SlotKey, LookupBlock>;
  readonly sourceRanges: BpfMap<SourceRangeKey, SourceRange>;
  readonly affinities: BpfMap<AffinityKey, Affinity>;
}

export function testServiceMaps(object: BpfObject, opened: UndoStack): TestServiceMaps {
  return {
    frontends: opened.use(object.map(maps.frontends)),
    slots: opened.use(object.map(maps.slots)),
    lookups: opened.use(object.map(maps.lookups)),
    sourceRanges: opened.use(object.map(maps.sourceRanges)),
    affinities: opened.use(object.map(maps.affinities)),
  };
}
