// One CNI request, decoded and checked as a whole: after this, nothing about it is in doubt but the world itself.

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

/** A pod's interface is known by these two: one container may have several interfaces. */
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
  /** True: `bandwidth` has what the pod's annotations ask for. Absent: the cluster has to say. */
  readonly hasAnnotations?: boolean | undefined;
  /** The `name` of the network configuration: GC is for one network. */
  readonly network: string;
  readonly fixed?: FixedIdentity | undefined;
  /** Absent: none. */
  readonly portMappings?: readonly PortMapping[] | undefined;
}

export interface DelRequest extends CniAttachment {
  readonly kind: 'del';
  readonly version: CniVersion;
  /** Absent when the namespace is gone already. */
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
  /** Everything of the network that is not listed goes; undefined: the runtime gave no list, so nothing does. */
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

/** Throws CniError with the code that the specification has for what is wrong. */
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

// The verbs that are about no container.
function decodeOfNetwork(verb: 'GC' | 'STATUS', call: CniCall): GcRequest | StatusRequest {
  const { version, name, kept } = parseConfiguration(call.configuration);
  if (!isAtLeast(version, '1.1.0')) throw notYet(verb, version, '1.1.0');
  return verb === 'STATUS' ? { kind: 'status' } : { kind: 'gc', network: name, kept };
}

// Everything that is wrong is named at once, so that the one who mends the runtime need not try again and again.
function checkEnvironment(verb: Verb, environment: ReadonlyMap<string, string>): void {
  const problems: string[] = [];
  const check = (name: string, rule: (value: string) => string | undefined) => {
    const value = environment.get(name) ?? '';
    const problem = value === '' ? 'is not set' : rule(value);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
  };
  check('CNI_CONTAINERID', containerIdProblem);
  check('CNI_IFNAME', ifNameProblem);
  // DEL works without it, and so with any.
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

// What the kernel takes as an interface name (dev_valid_name in net/core/dev.c), and no control characters.
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
