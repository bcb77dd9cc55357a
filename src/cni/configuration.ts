// The network configuration on standard input, as far as we read it. Keys we do not know are other people's and stay
// unread (CNI spec 1.1, section 1).

import { z } from 'zod';
import { errorText } from '../base/errors.ts';
import { InputError } from '../base/input-error.ts';
import { parseFields } from '../base/parse-fields.ts';
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
import { type CniVersion, cniVersions, isSupportedVersion, latestVersion } from './version.ts';

export interface NetworkConfiguration {
  readonly version: CniVersion;
  readonly name: string;
  readonly previous: PreviousResult | undefined;
  /** Undefined when neither the runtime nor the pod's annotations ask for a limit. */
  readonly bandwidth: Bandwidth | undefined;
  /** The runtime has handed over the pod's annotations, whatever is in them. */
  readonly hasAnnotations: boolean;
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

const objectSchema = z.record(z.string(), z.unknown());

const schema = z.looseObject({
  'cni.dev/valid-attachments': keptAttachments,
  // libcni's from before the specification had its name (cni#1101).
  'cni.dev/attachments': keptAttachments,
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
  const { name, prevResult, ...fields } = readFields(object);
  const runtimeConfig = fields.runtimeConfig ?? {};
  return {
    version,
    name,
    previous: toPrevious(prevResult),
    bandwidth: firstBandwidth(
      configuredBandwidth(runtimeConfig.bandwidth ?? {}),
      annotatedBandwidth(runtimeConfig['io.kubernetes.cri.pod-annotations'] ?? {}),
    ),
    hasAnnotations: (runtimeConfig['io.kubernetes.cri.pod-annotations'] ?? undefined) !== undefined,
    capabilities: runtimeConfig,
    kept: fields['cni.dev/valid-attachments'] ?? fields['cni.dev/attachments'],
    portMappings: runtimeConfig.portMappings ?? [],
  };
}

/**
 * Nothing else of the configuration counts for DEL, and one that cannot be read names no version: what is wrong with it must not
 * keep the runtime from DEL, which it repeats until it succeeds. Throws CniError: incompatibleVersion.
 */
export function versionForDel(text: string): CniVersion {
  let object: Readonly<Record<string, unknown>>;
  try {
    object = parseObject(text);
  } catch {
    return latestVersion;
  }
  return readVersion(object);
}

function readFields(object: Readonly<Record<string, unknown>>): z.output<typeof schema> {
  try {
    return parseFields(schema, object, 'network configuration');
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new CniError(cniErrorCode.invalidConfiguration, error.message, { cause: error });
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const cause = errorText(error);
    const reason = text.trim() === '' ? 'is empty' : `is not JSON: ${cause}`;
    throw new CniError(cniErrorCode.decode, `network configuration: ${reason}`, { cause: error });
  }
  const object = objectSchema.safeParse(parsed);
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
