// The stored form of an endpoint: a LocalEndpoint, or one whose ADD has not finished.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { parseFields } from '../../base/parse-fields.ts';
import type { CniAttachment } from '../../cni/request.ts';
import type { EndpointId, LocalEndpoint } from '../../model/endpoint.ts';
import { podLinkPrefix } from '../../model/ids.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import type { Port } from '../../net/port.ts';

/**
 * Written before anything is created in the kernel, so that everything left by a crash is known. It has no
 * `hostIfIndex`, which is added when ADD has succeeded.
 */
export type EndpointReservation = Omit<LocalEndpoint, 'hostIfIndex'>;

export type EndpointRecord = LocalEndpoint | EndpointReservation;

export function isComplete(record: EndpointRecord): record is LocalEndpoint {
  return 'hostIfIndex' in record;
}

/** Deterministic for an attachment, so that DEL finds the interface even without a record. 13 characters. */
export function hostIfNameOf({ containerId, ifName }: CniAttachment): string {
  const digest = createHash('sha256').update(`${containerId}/${ifName}`).digest('hex');
  return `${podLinkPrefix}${digest.slice(0, 11)}`;
}

const limit = z.object({
  bitsPerSecond: z.number().positive(),
  burstBits: z.number().positive().optional(),
});

const port = z
  .int()
  .min(1)
  .max(65_535)
  .transform((value) => value as Port);

const portMapping = z.object({
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  hostPort: port,
  containerPort: port,
  hostAddress: z
    .string()
    .transform((text) => parseAddress(text))
    .optional(),
});

const schema = z.object({
  format: z.literal(1),
  id: z
    .int()
    .min(1)
    .max(65_535)
    .transform((value) => value as EndpointId),
  containerId: z.string().min(1),
  ifName: z.string().min(1),
  namespacePath: z.string().startsWith('/'),
  hostIfName: z.string().min(1).max(15),
  hostIfIndex: z
    .int()
    .min(1)
    .transform((value) => value as IfIndex)
    .optional(),
  mac: z.string().transform((text) => parseMac(text)),
  addresses: z
    .array(z.string().transform((text) => parseAddress(text)))
    .min(1)
    .max(2),
  mtuBytes: z.int().min(1),
  bandwidth: z.object({ ingress: limit.optional(), egress: limit.optional() }).optional(),
  network: z.string().min(1).optional(),
  pod: z.object({ namespace: z.string(), name: z.string(), uid: z.string().optional() }).optional(),
  portMappings: z.array(portMapping).optional(),
  isRecovered: z.literal(true).optional(),
  createdAt: z.iso.datetime(),
});

/** Throws InputError, or the parser's error if the text is not JSON. */
export function parseRecord(text: string): EndpointRecord {
  const parsed = parseFields(schema, JSON.parse(text), 'record');
  const { format: _, hostIfIndex, ...optional } = parsed;
  const { pod, bandwidth, network, portMappings, isRecovered, ...common } = optional;
  return Object.freeze({
    ...common,
    ...(pod !== undefined && { pod }),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(network !== undefined && { network }),
    ...(portMappings !== undefined && { portMappings }),
    ...(isRecovered !== undefined && { isRecovered }),
    ...(hostIfIndex !== undefined && { hostIfIndex }),
  });
}

export function formatRecord(record: EndpointRecord): string {
  return `${JSON.stringify({ format: 1, ...record }, undefined, 2)}\n`;
}
