// All keys of the agent's configuration: rule, default and purpose. Flags and help texts are derived from this file.

import { z } from 'zod';
import { defaultSocket, longestSocketBytes } from '../api/socket.ts';
import type { KubernetesSettings } from '../cluster/kubernetes/client/settings.ts';
import { type Port, parsePort } from '../net/port.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { clashes, isLoopback, splitListenAddress } from './listen-address.ts';
import { parsedKey } from './parsed-key.ts';
import { type ServicesConfig, servicesSchema } from './services-schema.ts';
import { whole } from './whole.ts';

export interface AgentConfig {
  readonly node: string;
  readonly mode: 'native' | 'vxlan';
  readonly cluster: ClusterConfig;
  readonly stateDir: string;
  readonly socket: string;
  readonly pinDir: string;
  readonly cgroupRoot?: string | undefined;
  readonly uplinks: 'auto' | readonly string[];
  readonly mtuBytes: 'auto' | number;
  readonly masquerade: boolean;
  readonly nonMasqueradeCidrs: readonly Prefix[];
  readonly podCidrs: readonly Prefix[];
  readonly ipam: {
    readonly cooldownMs: number;
    readonly reservedCidrs: readonly Prefix[];
    readonly excludedCidrs: readonly Prefix[];
  };
  readonly vxlan: { readonly port: Port; readonly vni: number };
  readonly cni: { readonly binDir: string; readonly confDir?: string | undefined };
  /** On loopback. */
  readonly health: { readonly address: string };
  /** `none`: do not listen. */
  readonly metrics: { readonly address: string };
  readonly logLevel: LogLevel;
  readonly reconcilePeriodMs: number;
  readonly flowEntries: number;
  readonly endpointEntries: number;
  readonly addressEntries: number;
  readonly routeEntries: number;
  readonly eventsPerSecond: number;
  readonly services: ServicesConfig;
}

/** Exactly one of the two is set. */
export interface ClusterConfig {
  readonly directory?: string | undefined;
  readonly kubernetes?: KubernetesSettings | undefined;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

const name = z.string({ error: 'is not a name' }).regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, {
  error: 'is not a node name (lower-case letters, digits, "-" and ".")',
});

const path = z.string({ error: 'is not a path' }).min(1, { error: 'is not a path' });

const absolutePath = z
  .string({ error: 'is not an absolute path' })
  .startsWith('/', { error: 'is not an absolute path' });

const ifName = z
  .string({ error: 'is not an interface name' })
  .regex(/^[^\s/:]{1,15}$/, { error: 'is not an interface name' });

const healthRule = 'is not a loopback address with a port (127.0.0.1:9656, [::1]:9656)';
const metricsRule = 'is neither "none" nor an address with a port (127.0.0.1:9655, [::]:9655)';
const mtuRule = 'is neither "auto" nor a size in bytes (1280-65535)';

const port = z
  .number({ error: 'is not a port (1-65535)' })
  .transform((value, context) => parsedKey(value, context, parsePort));

const prefix = z
  .string({ error: 'is not a CIDR prefix (address/length)' })
  .transform((value, context) => parsedKey(value, context, parsePrefix));

const apiServer = z
  .string({ error: 'is not the address of an API server (https://192.0.2.1:6443)' })
  .regex(/^https?:\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:[\]@?#]+)(:\d{1,5})?\/?$/, {
    error: 'is not the address of an API server (https://192.0.2.1:6443)',
  });

const noSource =
  'has neither directory (a folder of manifests) nor kubernetes (an API server): one is required';
const twoSources =
  'has both directory (a folder of manifests) and kubernetes (an API server): only one is allowed';

const clusterSchema = z
  .strictObject({
    directory: path
      .optional()
      .describe('folder of Kubernetes manifests (YAML) that describes the cluster'),
    kubernetes: z
      .strictObject({
        kubeconfig: path
          .optional()
          .describe("address and credentials of the API server; absent: the pod's own"),
        apiServers: z
          .array(apiServer, { error: 'is not a list of API server addresses' })
          .prefault([])
          .describe('addresses of the API server, the first one that answers is used'),
        apiServersFrom: path
          .optional()
          .describe(
            "kubeconfig (the kubelet's) from which only the address is used, if the file exists",
          ),
        tlsServerName: z
          .string({ error: 'is not a host name' })
          .min(1, { error: 'is not a host name' })
          .optional()
          .describe(
            "name in the API server's certificate, if the certificate does not contain its address",
          ),
        remotePodNames: z
          .boolean({ error: 'is neither true nor false' })
          .default(true)
          .describe(
            'read the pods of all nodes, for their names in the flow log; otherwise only those of this node',
          ),
        startupTaint: z
          .string({ error: 'is not the key of a taint' })
          .regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/, {
            error: 'is not the key of a taint (node.heddle.dev/agent-not-ready)',
          })
          .default('node.heddle.dev/agent-not-ready')
          .describe("taint to remove from this node's Node object once pods can start here"),
      })
      .optional(),
  })
  .superRefine(({ directory, kubernetes }, context) => {
    if ((directory === undefined) !== (kubernetes === undefined)) return;
    const message = directory === undefined ? noSource : twoSources;
    context.addIssue({ code: 'custom', message });
  });

const keys: z.ZodType<AgentConfig> = z.strictObject(
  {
    node: name.describe('name of this node: metadata.name of its Node object'),
    mode: z
      .enum(['native', 'vxlan'], { error: 'is not a mode (native, vxlan)' })
      .default('native')
      .describe('how packets for pods on other nodes travel'),
    cluster: clusterSchema.prefault({}),
    stateDir: absolutePath
      .default('/var/lib/heddle')
      .describe('folder for state that must survive a restart'),
    socket: absolutePath
      .max(longestSocketBytes, {
        error: `is longer than a unix socket path may be (${longestSocketBytes} bytes, and .cni for the CNI shim)`,
      })
      .default(defaultSocket)
      .describe('unix socket of the API; the CNI shim has its own, with .cni behind this path'),
    pinDir: absolutePath
      .default('/sys/fs/bpf/heddle')
      .describe('folder in a bpf file system for maps, programs and links'),
    cgroupRoot: absolutePath
      .optional()
      .describe('cgroup v2 folder that holds every pod; detected if not set'),
    uplinks: z
      .union([z.literal('auto'), z.array(ifName).min(1)], {
        error: 'is neither "auto" nor a list of interface names',
      })
      .default('auto')
      .describe('interfaces that lead to other nodes'),
    mtuBytes: z
      .union([z.literal('auto'), whole(1280, 65_535, mtuRule)], { error: mtuRule })
      .default('auto')
      .describe('MTU of pod interfaces; auto: what the uplinks carry in this mode'),
    masquerade: z
      .boolean({ error: 'is neither true nor false' })
      .default(true)
      .describe("masquerade traffic from pods to the world behind the node's address"),
    nonMasqueradeCidrs: z
      .array(prefix, { error: 'is not a list of CIDR prefixes' })
      .prefault([])
      .describe('destinations that see the addresses of pods, besides the cluster itself'),
    podCidrs: z
      .array(prefix, { error: 'is not a list of CIDR prefixes' })
      .prefault([])
      .describe(
        'ranges that must contain the pod ranges of all Nodes; empty: any range that passes the other checks',
      ),
    ipam: z
      .strictObject({
        cooldownMs: whole(0, 3_600_000)
          .default(30_000)
          .describe(
            "how long a deleted pod's address is kept from reuse while other addresses are free",
          ),
        reservedCidrs: z
          .array(prefix, { error: 'is not a list of CIDR prefixes' })
          .prefault([])
          .describe('addresses for pods that ask for one by name, and no others'),
        excludedCidrs: z
          .array(prefix, { error: 'is not a list of CIDR prefixes' })
          .prefault([])
          .describe('addresses that no pod gets'),
      })
      .prefault({}),
    vxlan: z
      .strictObject({
        port: port.prefault(4789).describe('UDP port of the overlay'),
        vni: whole(1, 16_777_215).default(1).describe('network identifier of the overlay'),
      })
      .prefault({}),
    cni: z
      .strictObject({
        binDir: absolutePath
          .default('/opt/cni/bin')
          .describe('folder of CNI executables, for install-cni and uninstall'),
        confDir: absolutePath
          .optional()
          .describe(
            'folder of CNI network configurations: the agent writes its own there once it can serve pods; if not set, install-cni writes it',
          ),
      })
      .prefault({}),
    health: z
      .strictObject({
        address: z
          .string({ error: healthRule })
          .refine(isLoopback, { error: healthRule })
          .default('127.0.0.1:9656')
          .describe('where /healthz and /readyz answer, on loopback only; port 0 takes a free one'),
      })
      .prefault({}),
    metrics: z
      .strictObject({
        address: z
          .string({ error: metricsRule })
          .refine((text) => text === 'none' || splitListenAddress(text) !== undefined, {
            error: metricsRule,
          })
          .default('none')
          .describe(
            'where /metrics answers, "[::]:9655" on every address; port 0 takes a free one',
          ),
      })
      .prefault({}),
    logLevel: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
        error: 'is not a log level (trace, debug, info, warn, error, fatal, silent)',
      })
      .default('info')
      .describe('minimum log level'),
    reconcilePeriodMs: whole(100, 3_600_000)
      .default(10_000)
      .describe('how often everything is compared with the kernel'),
    flowEntries: whole(1024, 16_777_216).default(262_144).describe('size of the flow table'),
    endpointEntries: whole(8, 65_535).default(1024).describe('maximum number of pods on this node'),
    addressEntries: whole(64, 16_777_216)
      .default(65_536)
      .describe('maximum number of pod and node addresses'),
    routeEntries: whole(64, 1_048_576)
      .default(16_384)
      .describe(
        'maximum number of pod ranges of all nodes; mode vxlan adds the addresses of the nodes',
      ),
    eventsPerSecond: whole(0, 1_000_000)
      .default(1000)
      .describe(
        'maximum flow events per second and CPU; each pod has a twentieth of this in addition',
      ),
    services: servicesSchema,
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'is not a map of keys' : undefined) },
);

export const configSchema: z.ZodType<AgentConfig> = keys.superRefine(
  ({ health, metrics }, context) => {
    if (!clashes(health.address, metrics.address)) return;
    const message = `is the port of health.address (${health.address}): give it another`;
    context.addIssue({ code: 'custom', message, path: ['metrics', 'address'] });
  },
);
