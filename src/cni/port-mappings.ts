// `runtimeConfig.portMappings` (CNI conventions, capability "portMappings"): ports of the node that lead to the pod.

import { z } from 'zod';
import { isAddress, parseAddress } from '../net/address.ts';
import type { Port } from '../net/port.ts';
import { describeHostPort, type PortMapping, TakenPorts } from '../net/port-mapping.ts';
import { withFieldNames } from './field-names.ts';

const port = z
  .int('is not a port (1-65535)')
  .min(1, 'is not a port (1-65535)')
  .max(65_535, 'is not a port (1-65535)')
  .transform((value) => value as Port);

// A host port of 0 requests none.
const hostPort = z
  .int('is not a port (1-65535)')
  .min(0, 'is not a port (1-65535)')
  .max(65_535, 'is not a port (1-65535)')
  .transform((value) => (value === 0 ? undefined : (value as Port)));

const hostAddress = z
  .string()
  .refine((text) => text === '' || isAddress(text), 'is not an address')
  .transform((text) => (text === '' ? undefined : parseAddress(text)))
  .nullish();

// Runtimes write protocol names as Kubernetes does (TCP), as Docker does (tcp), or omit them.
const protocol = z
  .string()
  .transform((text) => (text === '' ? 'tcp' : text.toLowerCase()))
  .pipe(z.enum(['tcp', 'udp', 'sctp'], 'is not tcp, udp or sctp'))
  .nullish();

const convention = z
  .looseObject({ hostPort, containerPort: port, protocol })
  .extend({ hostIP: hostAddress })
  .transform(
    ({ hostPort: asked, containerPort, protocol: name, hostIP }): PortMapping | undefined => {
      if (asked === undefined) return undefined;
      const common = { protocol: name ?? 'tcp', hostPort: asked, containerPort } as const;
      return hostIP === undefined || hostIP === null ? common : { ...common, hostAddress: hostIP };
    },
  );

const fieldNames = ['hostPort', 'containerPort', 'protocol', 'hostIP'];
const mapping = z.preprocess((value) => withFieldNames(value, fieldNames), convention);

/** A user who may write pods may request as many as an object can hold. */
const mostMappings = 10_000;

/** Requested mappings without repetitions. Two mappings that would answer one packet differently are refused. */
export const portMappingsSchema: z.ZodType<readonly PortMapping[]> = z
  .array(mapping)
  .max(mostMappings, `has more than ${mostMappings} entries`)
  .transform((all) => withoutRepeats(all.filter((each) => each !== undefined)))
  .check(({ value: all, issues }) => {
    const second = repeatedPort(all);
    if (second === undefined) return;
    const message = 'is a host port that is requested twice';
    issues.push({ code: 'custom', input: describeHostPort(second), message });
  });

function withoutRepeats(all: readonly PortMapping[]): readonly PortMapping[] {
  return [...new Map(all.map((each) => [JSON.stringify(each), each])).values()];
}

function repeatedPort(all: readonly PortMapping[]): PortMapping | undefined {
  const taken = new TakenPorts<PortMapping>();
  return all.find((each) => {
    const isRepeated = taken.ownerOf(each) !== undefined;
    taken.add(each, each);
    return isRepeated;
  });
}
