// An address that a pod requests by name: allocated as requested, or refused with the reason.

import { CniError, cniErrorCode } from '../../cni/error.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import { type Prefix, prefixContains, prefixFamily } from '../../net/prefix.ts';
import { isUsableInRange } from './pod-range.ts';

export interface FixedAddressRules {
  readonly ranges: readonly Prefix[];
  readonly excluded: readonly Prefix[];
  readonly taken: ReadonlySet<Address>;
}

/**
 * An address in cooldown is allowed: a request by name wants it back, for example a restarted container. Throws
 * CniError: tryLater while another pod has it, otherwise invalidConfiguration.
 */
export function checkFixedAddress(address: Address, rules: FixedAddressRules): void {
  const family = addressFamily(address);
  const ranges = rules.ranges.filter((range) => prefixFamily(range) === family);
  const range = ranges.find((candidate) => prefixContains(candidate, address));
  if (range === undefined) {
    const text = ranges.length > 0 ? `${ranges.join(', ')}` : `it has no IPv${family} ranges`;
    throw refused(address, `is in no pod range of this node (${text})`);
  }
  if (!isUsableInRange(range, address)) {
    throw refused(
      address,
      `cannot be used by a pod in ${range}: it is the network, node or broadcast address`,
    );
  }
  const block = rules.excluded.find((candidate) => prefixContains(candidate, address));
  if (block !== undefined) throw refused(address, `is in ${block} of ipam.excludedCidrs`);
  if (!rules.taken.has(address)) return;
  throw new CniError(
    cniErrorCode.tryLater,
    `fixed address ${address}: another pod on this node has this address`,
    {
      details: '`heddle endpoints` shows the pod',
    },
  );
}

function refused(address: Address, rule: string): CniError {
  return new CniError(cniErrorCode.invalidConfiguration, `fixed address ${address}: ${rule}`);
}
