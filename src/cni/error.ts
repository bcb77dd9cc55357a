// Errors returned to the container runtime: a code of the CNI specification and a text that helps a reader of `kubectl
// describe pod`. Source: CNI spec 1.1, section 5 "Error"; 8 and 999 are libcni's.

import { errorText } from '../base/errors.ts';
import { printableStrings } from '../base/printable.ts';

export const cniErrorCode = {
  incompatibleVersion: 1,
  /** A configuration field requests something unsupported; the text has key and value. */
  unsupportedField: 2,
  /** The container is unknown, so nothing needs to be cleaned up. */
  unknownContainer: 3,
  /** The text names the variables. */
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfiguration: 7,
  invalidNamespace: 8,
  tryLater: 11,
  /** STATUS: an ADD would fail. */
  notAvailable: 50,
  /** STATUS: an ADD would fail, and existing pods lack full connectivity. */
  limitedConnectivity: 51,
  /** heddle's own (100 and up are free for plugins): CHECK found differences from the result of ADD. */
  endpointDiffers: 100,
  /** The interface name requested from ADD already exists in the pod's namespace. */
  interfaceExists: 101,
  /** ADD: all addresses of a family are in use by endpoints; waiting does not help. */
  noAddress: 102,
  /** The port of the node requested from ADD belongs to another pod. */
  hostPortTaken: 103,
  internal: 999,
} as const;

export type CniErrorCode = (typeof cniErrorCode)[keyof typeof cniErrorCode];

export interface CniErrorOptions extends ErrorOptions {
  /** Remedy or underlying cause. */
  readonly details?: string | undefined;
  /**
   * What has to be corrected, if someone other than the runtime's owner can do it; readiness: what the agent waits for.
   */
  readonly about?: 'pod annotation' | 'readiness' | undefined;
  /** The message without the request; the whole message if it does not contain the request. */
  readonly plain?: string | undefined;
}

export class CniError extends Error {
  readonly code: CniErrorCode;
  readonly details: string | undefined;
  readonly about: CniErrorOptions['about'];
  readonly plain: string;

  constructor(code: CniErrorCode, message: string, options: CniErrorOptions = {}) {
    super(message, options);
    this.name = 'CniError';
    this.code = code;
    this.details = options.details;
    this.about = options.about;
    this.plain = options.plain ?? message;
  }
}

/** Converts any thrown value: one that is not a CniError becomes code 999 with its text. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const text = errorText(error);
  return new CniError(cniErrorCode.internal, text, { cause: error });
}

/** JSON for standard output. `version` is the request's own, even if it is unsupported. */
export function formatError(version: string, error: CniError): string {
  const { code, message, details } = error;
  // The kubelet shows it in Events, and it contains text from pods and runtimes.
  const told = printableStrings({ msg: message, ...(details && { details }) });
  const shape = { cniVersion: version, code, ...told };
  return `${JSON.stringify(shape)}\n`;
}
