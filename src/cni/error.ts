// What goes back to the container runtime when a verb fails: a code of the CNI specification and a text that a
// person reading `kubectl describe pod` can act on. Source: CNI spec 1.1, section 5 "Error"; 8 and 999 are libcni's.

import { errorText } from '../base/errors.ts';
import { printableStrings } from '../base/printable.ts';

export const cniErrorCode = {
  incompatibleVersion: 1,
  /** A field of the configuration asks for something we cannot do; the text has key and value. */
  unsupportedField: 2,
  /** Nothing is known of the container, so nothing need be cleaned up. */
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
  /** STATUS: an ADD would fail, and pods that exist do not reach everything. */
  limitedConnectivity: 51,
  /** Ours (100 and up are free for plugins): CHECK found the pod's network other than ADD left it. */
  endpointDiffers: 100,
  /** ADD was asked for an interface name that the pod's namespace has already. */
  interfaceExists: 101,
  /** ADD: every address of a family is held by an endpoint; waiting does not help. */
  noAddress: 102,
  /** ADD was asked for a port of the node that another pod has. */
  hostPortTaken: 103,
  internal: 999,
} as const;

export type CniErrorCode = (typeof cniErrorCode)[keyof typeof cniErrorCode];

export interface CniErrorOptions extends ErrorOptions {
  /** What to do about it, or what lies beneath. */
  readonly details?: string | undefined;
  /** What must be mended, where somebody else than the runtime's owner can; readiness: what the agent waits for. */
  readonly about?: 'pod annotation' | 'readiness' | undefined;
  /** The message without what it was asked for; the message where that is not in it. */
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

/** Anything thrown, as the error a runtime understands: what is not a CniError already is code 999 with its text. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const text = errorText(error);
  return new CniError(cniErrorCode.internal, text, { cause: error });
}

/** The JSON for standard output. `version` is the request's own, even one that we do not speak. */
export function formatError(version: string, error: CniError): string {
  const { code, message, details } = error;
  // The kubelet shows it in Events; what a pod or a runtime wrote is in it.
  const told = printableStrings({ msg: message, ...(details && { details }) });
  const shape = { cniVersion: version, code, ...told };
  return `${JSON.stringify(shape)}\n`;
}
