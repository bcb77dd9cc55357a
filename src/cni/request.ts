// Decodes and validates one CNI request. The result is consistent in itself.

import type { Bandwidth } from '../net/bandwidth.ts';
import type { PortMapping } from '../net/port-mapping.ts';
import type { KeptAttachment } from './attachments.ts';
import type { CniCall } from './call.ts';
import {
  identifierPattern,
  type NetworkConfiguration,
  type PreviousResult,
  parseConfiguration,
  versionForDel,
} from './configuration.ts';
import { CniError, cniErrorCode } from './error.ts';
import { type FixedIdentity, readFixed } from './fixed.ts';
import { type PodIdentity, parseArguments, podIdentity } from './pod-identity.ts';
import { type CniVersion, isAtLeast } from './version.ts';

/** Identifies a pod's interface: one container may have several interfaces. */
export interface CniAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

export interface AddRequest extends CniAttachment {
  readonly kind: 'add';
  readonly version: CniVersion;
  readonly namespacePath: string;
  readonly pod?: PodIdentity | undefined;
  readonly bandwidth?: Bandwidth | undefined;
  /**
   * True: `bandwidth` contains the limits of the pod's annotations. Absent: the annotations must come from the cluster.
   */
  readonly hasAnnotations?: boolean | undefined;
  /** `name` of the network configuration: GC applies to one network. */
  readonly network: string;
  readonly fixed?: FixedIdentity | undefined;
  /** Absent if there are none. */
  readonly portMappings?: readonly PortMapping[] | undefined;
}

export interface DelRequest extends CniAttachment {
  readonly kind: 'del';
  readonly version: CniVersion;
  /** Absent if the namespace no longer exists. */
  readonly namespacePath: string | undefined;
}

export interface CheckRequest extends CniAttachment {
  readonly kind: 'check';
  readonly version: CniVersion;
  readonly namespacePath: string;
  readonly previous: PreviousResult;
}

export interface GcRequest {
  readonly kind: 'gc';
  readonly network: string;
  /**
   * Endpoints of the network that are not listed are removed; undefined: the runtime passed no list, so nothing is
   * removed.
   */
  readonly kept: readonly KeptAttachment[] | undefined;
}

export interface StatusRequest {
  readonly kind: 'status';
}

export interface VersionRequest {
  readonly kind: 'version';
}

export type CniRequest =
  | AddRequest
  | DelRequest
  | CheckRequest
  | GcRequest
  | StatusRequest
  | VersionRequest;

const verbs = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
type Verb = (typeof verbs)[number];

/** Throws CniError with the specification's code for the error. */
export function decodeRequest(call: CniCall): CniRequest {
  const verb = readVerb(call.environment);
  if (verb === 'VERSION') return { kind: 'version' };
  if (verb === 'GC' || verb === 'STATUS') return decodeOfNetwork(verb, call);
  checkEnvironment(verb, call.environment);
  if (verb === 'DEL') return decodeDel(call);
  const configuration = parseConfiguration(call.configuration);
  const attachment = readAttachment(call.environment, configuration.version);
  return verb === 'ADD'
    ? decodeAdd(call.environment, configuration, attachment)
    : decodeCheck(configuration, attachment);
}

function decodeDel({ environment, configuration }: CniCall): DelRequest {
  const attachment = readAttachment(environment, versionForDel(configuration));
  const { namespacePath } = attachment;
  return {
    ...attachment,
    kind: 'del',
    namespacePath: namespacePath === '' ? undefined : namespacePath,
  };
}

function readVerb(environment: ReadonlyMap<string, string>): Verb {
  const text = environment.get('CNI_COMMAND') ?? '';
  const verb = verbs.find((candidate) => candidate === text);
  if (verb !== undefined) return verb;
  const rule = text === '' ? 'is not set' : `"${text}" is not one of ${verbs.join(', ')}`;
  throw new CniError(cniErrorCode.invalidEnvironment, `CNI_COMMAND: ${rule}`);
}

// Verbs without a container.
function decodeOfNetwork(verb: 'GC' | 'STATUS', call: CniCall): GcRequest | StatusRequest {
  const { version, name, kept } = parseConfiguration(call.configuration);
  if (!isAtLeast(version, '1.1.0')) throw notYet(verb, version, '1.1.0');
  return verb === 'STATUS' ? { kind: 'status' } : { kind: 'gc', network: name, kept };
}

// Reports all errors together, so that the author of the runtime need not retry for each.
function checkEnvironment(verb: Verb, environment: ReadonlyMap<string, string>): void {
  const problems: string[] = [];
  const check = (name: string, rule: (value: string) => string | undefined) => {
    const value = environment.get(name) ?? '';
    const problem = value === '' ? 'is not set' : rule(value);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
  };
  check('CNI_CONTAINERID', containerIdProblem);
  check('CNI_IFNAME', ifNameProblem);
  // DEL works without a namespace, so any value is accepted.
  if (verb !== 'DEL') check('CNI_NETNS', namespaceProblem);
  if (problems.length === 0) return;
  throw new CniError(cniErrorCode.invalidEnvironment, `${verb}: ${problems.join('; ')}`);
}

function containerIdProblem(value: string): string | undefined {
  if (value.length > 255) return 'is longer than 255 characters';
  return identifierPattern.test(value)
    ? undefined
    : `${JSON.stringify(value)} is not a container id (letters, digits, _ . -)`;
}

// Names that the kernel accepts (dev_valid_name in net/core/dev.c), without control characters.
function ifNameProblem(value: string): string | undefined {
  const isName = /^[^\s/:\p{Cc}]+$/u.test(value) && value !== '.' && value !== '..';
  return isName && Buffer.byteLength(value) <= 15
    ? undefined
    : `${JSON.stringify(value)} is not an interface name (1-15 bytes, no space, / or :)`;
}

function namespaceProblem(value: string): string | undefined {
  return value.startsWith('/') ? undefined : `${JSON.stringify(value)} is not an absolute path`;
}

interface CommonFields extends CniAttachment {
  readonly version: CniVersion;
  readonly namespacePath: string;
}

function readAttachment(
  environment: ReadonlyMap<string, string>,
  version: CniVersion,
): CommonFields {
  return {
    version,
    containerId: environment.get('CNI_CONTAINERID') ?? '',
    ifName: environment.get('CNI_IFNAME') ?? '',
    namespacePath: environment.get('CNI_NETNS') ?? '',
  };
}

function decodeAdd(
  environment: ReadonlyMap<string, string>,
  { previous, name, capabilities, bandwidth, hasAnnotations, portMappings }: NetworkConfiguration,
  attachment: CommonFields,
): AddRequest {
  if (previous !== undefined) {
    throw new CniError(
      cniErrorCode.invalidConfiguration,
      'network configuration: prevResult: heddle makes the pod interface itself, so it cannot follow another plugin',
      { details: 'put heddle first in the list of plugins' },
    );
  }
  const fields = parseArguments(environment.get('CNI_ARGS') ?? '');
  const fixed = readFixed(capabilities, fields);
  return {
    ...attachment,
    kind: 'add',
    network: name,
    pod: podIdentity(fields),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(hasAnnotations && { hasAnnotations }),
    ...(fixed !== undefined && { fixed }),
    ...(portMappings.length > 0 && { portMappings }),
  };
}

function decodeCheck(
  { version, previous }: NetworkConfiguration,
  attachment: CommonFields,
): CheckRequest {
  if (!isAtLeast(version, '0.4.0')) throw notYet('CHECK', version, '0.4.0');
  if (previous === undefined) {
    throw new CniError(
      cniErrorCode.invalidConfiguration,
      'network configuration: prevResult: is missing; CHECK compares with it',
    );
  }
  return { ...attachment, kind: 'check', previous };
}

function notYet(verb: Verb, version: CniVersion, first: CniVersion): CniError {
  return new CniError(
    cniErrorCode.incompatibleVersion,
    `${verb}: cniVersion ${version} has no ${verb} (${first} is the first)`,
  );
}
