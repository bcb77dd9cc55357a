// Parses the network configuration on standard input. Unknown keys belong to others and are ignored (CNI spec 1.1,
// section 1).

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
  /** Undefined if neither the runtime nor the pod's annotations request a limit. */
  readonly bandwidth: Bandwidth | undefined;
  /** Whether the runtime has passed the pod's annotations, even if they are empty. */
  readonly hasAnnotations: boolean;
  readonly capabilities: FixedCapabilities;
  /** Attachments that GC must keep; undefined if the runtime passes none. */
  readonly kept: readonly KeptAttachment[] | undefined;
  readonly portMappings: readonly PortMapping[];
}

/** The result of an earlier ADD as kept by the runtime, including changes of chained plugins. */
export interface PreviousResult {
  readonly interfaces: readonly PreviousInterface[];
  readonly addresses: readonly Address[];
}

export interface PreviousInterface {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly sandbox?: string | undefined;
}

/** Pattern of container ids and network names (CNI spec 1.1, sections 1 and 2). */
export const identifierPattern: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

// Only the address; the length is not part of its identity.
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
  // libcni's key from before the specification named it (cni#1101).
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
 * DEL uses nothing else of the configuration. An unreadable configuration has no version: its errors must not fail DEL,
 * which the runtime repeats until it succeeds. Throws CniError: incompatibleVersion.
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
