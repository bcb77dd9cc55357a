// The parts that observe the data path use the agent's descriptors, independent of the pins.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { emptyClusterState } from '../../src/cluster/state.ts';
import { loadDatapath, readDatapathObject } from '../../src/datapath/load/loader.ts';
import { FlowNames } from '../../src/observe/flow-names.ts';
import { Observer } from '../../src/observe/observer.ts';
import { TrafficCounts } from '../../src/observe/traffic-counts.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { testPinFolder } from '../support/pin-folder.ts';
import { rootTest } from '../support/root-test.ts';

rootTest('the flow table is swept although its pin was removed', async (context) => {
  const pinDir = testPinFolder(context);
  using datapath = loadDatapath({
    pinDir,
    object: readDatapathObject(),
    sizes: { endpointEntries: 16, addressEntries: 128, routeEntries: 64, flowEntries: 1024 },
    constants: { events_per_second_per_cpu: 100 },
  });
  const { maps } = datapath;
  const observer = new Observer({
    maps,
    names: new FlowNames({
      node: 'node-1',
      cluster: emptyClusterState,
      endpoints: endpointCollection([]),
    }),
    queues: { endpoints: () => [], drops: () => undefined },
    traffic: new TrafficCounts(maps.endpointCounters),
    ruleDrops: () => [],
    frontends: () => () => ({}),
  });
  rmSync(datapath.paths.map('flows'));
  const stop = new AbortController();
  const ended = observer.run(stop.signal);
  // The first sweep begins with the run.
  await Promise.race([ended, setTimeout(300)]);
  assert.equal(observer.flowEntries, 0);
  stop.abort();
  await ended;
});
