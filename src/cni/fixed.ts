// Requested addresses and MAC: the capabilities `ips` and `mac` (CNI CONVENTIONS.md, "Dynamic Plugin specific fields")
// and, older and with lower precedence, IP= and MAC= in CNI_ARGS.

import { InputError } from '../base/input-error.ts';
import { type Address, addressFamily, parseAddress } from '../net/address.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { CniError, type CniErrorCode, cniErrorCode } from './error.ts';

export interface FixedIdentity {
  /** At most one per family; the other family's is chosen as usual. */
  readonly addresses: readonly Address[];
  readonly mac?: Mac | undefined;
}

export interface FixedCapabilities {
  readonly ips?: readonly string[] | null | undefined;
  readonly mac?: string | null | undefined;
}

/**
 * Undefined if nothing is requested. `cniArgs`: CNI_ARGS by key. Throws CniError: invalidConfiguration, or
 * invalidEnvironment for CNI_ARGS.
 */
export function readFixed(
  { ips, mac }: FixedCapabilities,
  cniArgs: ReadonlyMap<string, string>,
): FixedIdentity | undefined {
  const given = (ips ?? []).filter((text) => text !== '');
  // Podman and `ctr` pass one address; the `static` plugin accepts lists.
  const older = (cniArgs.get('IP') ?? '').split(',').filter((text) => text !== '');
  const addresses =
    given.length > 0
      ? readAddresses(given, capability('ips'))
      : readAddresses(older, argument('IP'));
  const fixedMac = mac ? readMac(mac, capability('mac')) : readOlderMac(cniArgs);
  if (addresses.length === 0 && fixedMac === undefined) return undefined;
  return { addresses, ...(fixedMac !== undefined && { mac: fixedMac }) };
}

/** Origin of a value, and the code for an invalid one. */
interface Origin {
  readonly name: string;
  readonly code: CniErrorCode;
}

function capability(key: string): Origin {
  return {
    name: `network configuration: runtimeConfig.${key}`,
    code: cniErrorCode.invalidConfiguration,
  };
}

function argument(key: string): Origin {
  return { name: `CNI_ARGS: ${key}`, code: cniErrorCode.invalidEnvironment };
}

function readAddresses(texts: readonly string[], origin: Origin): readonly Address[] {
  // The length names the writer's subnet; a pod has only its address.
  const addresses = new Set(
    texts.map((text) => read(origin, text, () => parseAddress(text.replace(/\/\d{1,3}$/, '')))),
  );
  for (const family of [4, 6] as const) {
    const same = [...addresses].filter((address) => addressFamily(address) === family);
    if (same.length > 1)
      throw wrong(origin, same.join(', '), 'has more than one address of a family');
  }
  return [...addresses];
}

function readOlderMac(cniArgs: ReadonlyMap<string, string>): Mac | undefined {
  const text = cniArgs.get('MAC') ?? '';
  return text === '' ? undefined : readMac(text, argument('MAC'));
}

function readMac(text: string, origin: Origin): Mac {
  const mac = read(origin, text, () => parseMac(text));
  if (/^.[13579bdf]/.test(mac)) throw wrong(origin, text, 'is a multicast address');
  if (mac === '00:00:00:00:00:00') throw wrong(origin, text, 'is not an address for an interface');
  return mac;
}

function read<T>(origin: Origin, text: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw wrong(origin, text, error.problem.rule);
  }
}

function wrong({ name, code }: Origin, text: string, rule: string): CniError {
  return new CniError(code, `${name}: ${JSON.stringify(text)} ${rule}`);
}
