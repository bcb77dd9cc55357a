// The network configuration on standard input, as far as we read it. Keys we do not know are other people's and stay
// unread (CNI spec 1.1, section 1).

import { z } from 'zod';
import { type Address, isAddress, parseAddress } from '../net/address.ts';
import type { Bandwidth } from '../net/bandwidth.ts';
import type { PortMapping } from '../net/port-mapping.ts';
import { type KeptAttachment, keptAttachments } from './attachments.ts';
import {
  annotatedBandwidth,
  bandwidthSchema,
  configuredBandwidth,
  firstBandwidth,
} from './bandwidth.ts';
import { CniError, cniErrorCode } from './error.ts';
import type { FixedCapabilities } from './fixed.ts';
import { portMappingsSchema } from './port-mappings.ts';
import { type CniVersion, cniVersions, isSupportedVersion } from './version.ts';

export interface NetworkConfiguration {
  readonly version: CniVersion;
  readonly name: string;
  readonly previous: PreviousResult | undefined;
  /** Undefined when neither the runtime nor the pod's annotations ask for a limit. */
  readonly bandwidth: Bandwidth | undefined;
  readonly capabilities: FixedCapabilities;
  /** What GC is to keep; undefined where the runtime does not say. */
  readonly kept: readonly KeptAttachment[] | undefined;
  readonly portMappings: readonly PortMapping[];
}

/** The result of an earlier ADD as the runtime kept it, with whatever chained plugins added since. */
export interface PreviousResult {
  readonly interfaces: readonly PreviousInterface[];
  readonly addresses: readonly Address[];
}

export interface PreviousInterface {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly sandbox?: string | undefined;
}

/** Container ids and network names (CNI spec 1.1, sections 1 and 2). */
export const identifierPattern: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

// The address part only; the length is no part of an address's identity.
const addressWithLength = z
  .string()
  .refine((text) => isAddress(text.replace(/\/\d{1,3}$/, '')), 'is not an address with a length')
  .transform((text) => parseAddress(text.replace(/\/\d{1,3}$/, '')));

const previousSchema = z.looseObject({
  interfaces: z
    .array(
      z.looseObject({
        name: z.string(),
        mac: z.string().optional(),
        sandbox: z.string().optional(),
      }),
    )
    .default([]),
  ips: z.array(z.looseObject({ address: addressWithLength })).default([]),
});

const schema = z.looseObject({
  name: z.string().regex(identifierPattern, 'is not a network name (letters, digits, _ . -)'),
  type: z.string().min(1).optional(),
  prevResult: previousSchema.nullish(),
  runtimeConfig: z
    .looseObject({
      portMappings: portMappingsSchema.nullish(),
      bandwidth: bandwidthSchema.nullish(),
      'io.kubernetes.cri.pod-annotations': z.record(z.string(), z.string()).nullish(),
      ips: z.array(z.string()).nullish(),
      mac: z.string().nullish(),
    })
    .nullish(),
});

/** Throws CniError: decode, incompatibleVersion or invalidConfiguration. */
export function parseConfiguration(text: string): NetworkConfiguration {
  const object = parseObject(text);
  const version = readVersion(object);
  const parsed = schema.safeParse(object);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: 'is wrong' };
    const field = path.map(String).join('.');
    throw new CniError(
      cniErrorCode.invalidConfiguration,
      `network configuration: ${field}: ${message}`,
    );
  }
  const runtimeConfig = parsed.data.runtimeConfig ?? {};
  return {
    version,
    name: parsed.data.name,
    previous: toPrevious(parsed.data.prevResult),
    bandwidth: firstBandwidth(
      configuredBandwidth(runtimeConfig.bandwidth ?? {}),
      annotatedBandwidth(runtimeConfig['io.kubernetes.cri.pod-annotations'] ?? {}),
    ),
    capabilities: runtimeConfig,
    kept: keptAttachments(object),
    portMappings: runtimeConfig.portMappings ?? [],
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const reason = text.trim() === '' ? 'is empty' : String(error);
    throw new CniError(cniErrorCode.decode, `network configuration: ${reason}`, { cause: error });
  }
  const object = z.record(z.string(), z.unknown()).safeParse(parsed);
  if (!object.success) {
    throw new CniError(cniErrorCode.decode, 'network configuration: is not a JSON object');
  }
  return object.data;
}

function readVersion({ cniVersion }: Readonly<Record<string, unknown>>): CniVersion {
  if (typeof cniVersion === 'string' && isSupportedVersion(cniVersion)) return cniVersion;
  // A configuration without a version is one of 0.1.0 or 0.2.0.
  const written = cniVersion === undefined ? 'absent' : JSON.stringify(cniVersion);
  throw new CniError(
    cniErrorCode.incompatibleVersion,
    `network configuration: cniVersion: ${written} is not one of ${cniVersions.join(', ')}`,
  );
}

function toPrevious(
  previous: z.output<typeof previousSchema> | null | undefined,
): PreviousResult | undefined {
  if (previous === undefined || previous === null) return undefined;
  return { interfaces: previous.interfaces, addresses: previous.ips.map(({ address }) => address) };
}
