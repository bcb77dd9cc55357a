// Decodes the request of the shim for one execution (see shim/cni.c): every CNI_* variable, NUL-terminated, an empty
// string, then standard input.

import { CniError, cniErrorCode } from './error.ts';
import { latestVersion } from './version.ts';

export interface CniCall {
  /** `CNI_COMMAND`, `CNI_CONTAINERID`, ... as set by the runtime. */
  readonly environment: ReadonlyMap<string, string>;
  /** The network configuration, not yet parsed. */
  readonly configuration: string;
}

/** Throws CniError (decode) for a body that the shim did not create. */
export function splitCall(body: Uint8Array): CniCall {
  const environment = new Map<string, string>();
  let start = 0;
  for (;;) {
    const end = body.indexOf(0, start);
    if (end === -1) throw broken('the environment is not terminated');
    if (end === start) break;
    const entry = decodeText(body.subarray(start, end), 'environment');
    const equals = entry.indexOf('=');
    if (equals < 1) throw broken(`${JSON.stringify(entry)} is not NAME=value`);
    environment.set(entry.slice(0, equals), entry.slice(equals + 1));
    start = end + 1;
  }
  const configuration = body.subarray(start + 1);
  // DEL must not fail because of fields that it does not need (configuration.ts: versionForDel).
  const isDel = environment.get('CNI_COMMAND') === 'DEL';
  return {
    environment,
    configuration: isDel
      ? Buffer.from(configuration).toString()
      : decodeText(configuration, 'network configuration'),
  };
}

/** The version for the answer: the request's own if it can be read, whatever else is wrong with the request. */
export function answerVersion(call: CniCall | undefined): string {
  try {
    const parsed: unknown = JSON.parse(call?.configuration ?? '');
    if (typeof parsed === 'object' && parsed !== null && 'cniVersion' in parsed) {
      return typeof parsed.cniVersion === 'string' ? parsed.cniVersion : latestVersion;
    }
  } catch {
    // Not JSON: the answer with that error still needs a version.
  }
  return latestVersion;
}

// Creating a decoder takes longer than decoding.
const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new CniError(cniErrorCode.decode, `${what}: is not UTF-8 text`, { cause: error });
  }
}

function broken(rule: string): CniError {
  return new CniError(cniErrorCode.decode, `request of the CNI executable: ${rule}`);
}
