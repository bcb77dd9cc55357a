// Configuration keys for Services.

import { z } from 'zod';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { splitListenAddress } from './listen-address.ts';
import { parsedKey } from './parsed-key.ts';
import { whole } from './whole.ts';

export interface ServicesConfig {
  readonly mode: 'off' | 'on' | 'auto';
  /** `none`: do not listen. */
  readonly healthAddress: string;
  /** CIDR prefixes, or `primary` alone; empty: all addresses. */
  readonly nodePortAddresses: readonly (Prefix | 'primary')[];
  /** `30000-32767` */
  readonly nodePortRange: string;
  readonly podSockets: boolean;
  readonly frontendEntries: number;
  readonly slotEntries: number;
  readonly backendsPerPort: number;
  readonly rangeEntries: number;
  readonly affinityEntries: number;
  readonly lookupTables: number;
}

const healthAddressRule =
  'is neither "none" nor an address with a port (0.0.0.0:10256, [::]:10256)';

const nodePortRule = 'is neither "primary" nor a list of CIDR prefixes (address/length)';

const nodePortAddress = z
  .string({ error: nodePortRule })
  .transform((text, context): Prefix | 'primary' =>
    text === 'primary' ? text : parsedKey(text, context, parsePrefix),
  );

const rangeRule = 'is not a range of ports (30000-32767)';

function isPortRange(text: string): boolean {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  return from >= 1 && from <= to && to <= 65_535;
}

export const servicesSchema: z.ZodType<ServicesConfig> = z
  .strictObject({
    mode: z
      .enum(['off', 'on', 'auto'], { error: 'is not a mode (off, on, auto)' })
      .default('off')
      .describe(
        'on: Heddle translates Services instead of kube-proxy; auto: unless a kube-proxy runs on the node when the agent starts',
      ),
    healthAddress: z
      .string({ error: healthAddressRule })
      .refine((text) => text === 'none' || splitListenAddress(text) !== undefined, {
        error: healthAddressRule,
      })
      .default('none')
      .describe("where kube-proxy's /healthz and /livez answer; kube-proxy uses 0.0.0.0:10256"),
    nodePortAddresses: z
      .array(nodePortAddress, { error: nodePortRule })
      .refine((list) => list.length <= 1 || !list.includes('primary'), {
        error: 'has "primary" beside other values',
      })
      .prefault([])
      .describe(
        "addresses of the node at which node ports answer, as CIDR prefixes; primary: the Node object's first of each family; empty: all",
      ),
    nodePortRange: z
      .string({ error: rangeRule })
      .refine(isPortRange, { error: rangeRule })
      .default('30000-32767')
      .describe(
        "the API server's --service-node-port-range: the kernel gives none of these ports to the node's own processes",
      ),
    podSockets: z
      .boolean({ error: 'is neither true nor false' })
      .default(true)
      .describe(
        "lead pods' TCP connections by their sockets; false: by packets, for service meshes",
      ),
    frontendEntries: whole(64, 16_777_216)
      .default(262_144)
      .describe('maximum number of addresses and ports of all Services'),
    slotEntries: whole(64, 16_777_216)
      .default(1_048_576)
      .describe(
        'room for backends of all Services: three quarters, of which a namespace gets a third; the rest is for changes',
      ),
    backendsPerPort: whole(1, 65_535)
      .default(65_535)
      .describe('maximum number of backends used at one port of a Service'),
    rangeEntries: whole(64, 1_048_576)
      .default(65_536)
      .describe('maximum number of loadBalancerSourceRanges of all ports of Services'),
    affinityEntries: whole(64, 16_777_216)
      .default(65_536)
      .describe('number of clients remembered for sessionAffinity'),
    lookupTables: whole(1, 65_536)
      .default(256)
      .describe('maximum number of lists of backends with consistent selection'),
  })
  .prefault({});
