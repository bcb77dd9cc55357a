// Walks over the connection table that a test pauses and answers.

import type { AppliedTranslation } from '../../src/agent/connections/applied.ts';
import { type HostPortIndex, hostPortKey } from '../../src/agent/connections/host-port-index.ts';
import { StaleConnections } from '../../src/agent/connections/stale-connections.ts';
import type { WalkOptions, WalkResult } from '../../src/agent/connections/walk.ts';
import type { Logger } from '../../src/base/log.ts';
import type { Masquerade } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import { parsePort } from '../../src/net/port.ts';
import { endpointCollection } from './compute-desired.ts';

export const log: Logger = { info: () => undefined } as unknown as Logger;

export const first: Address = parseAddress('198.51.100.1');

export function masquerade(address: typeof first | undefined): Masquerade {
  const nodeSources = address === undefined ? [] : [{ address, interfaces: ['eth0'] }];
  return { sources: [], exempt: [], nodeSources };
}

export function applied(fields: Partial<AppliedTranslation> = {}): AppliedTranslation {
  return {
    masquerade: masquerade(first),
    host: { uplinks: [] },
    endpoints: endpointCollection([]),
    ...fields,
  };
}

export const mapped = {
  addresses: [parseAddress('192.0.2.2')],
  portMappings: [{ protocol: 'udp', hostPort: parsePort(53), containerPort: parsePort(5353) }],
} as unknown as LocalEndpoint;

export const nothing: WalkResult = { seen: 0, removed: new Map(), tuples: new Set() };

export class Walks {
  readonly all: WalkOptions[] = [];
  readonly errors: string[] = [];
  #ended: (() => void)[] = [];

  readonly connections: StaleConnections = new StaleConnections({
    log,
    onError: (text) => void this.errors.push(text),
    walk: async (options) => {
      this.all.push(options);
      await new Promise<void>((resolve) => this.#ended.push(resolve));
      return nothing;
    },
  });

  /** Ends the running walk and starts the next one if it was requested. */
  async end(): Promise<void> {
    this.#ended.shift()?.();
    await walksSettled();
  }
}

export async function walksSettled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

export function has(index: HostPortIndex | undefined): boolean {
  return index?.get(hostPortKey(17, parsePort(53), 4)) !== undefined;
}
