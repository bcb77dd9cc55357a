// The second part of CHECK: compares the runtime's copy of ADD's result with the record.

import type { PreviousResult } from '../cni/configuration.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';

/** One sentence per difference. Additions of chained plugins are ignored. */
export function previousDifferences(
  endpoint: LocalEndpoint,
  previous: PreviousResult,
): readonly string[] {
  const differences = endpoint.addresses
    .filter((address) => !previous.addresses.includes(address))
    .map((address) => `prevResult does not have its address ${address}`);
  const inPod = previous.interfaces.find(
    ({ name, sandbox }) => name === endpoint.ifName && sandbox !== undefined && sandbox !== '',
  );
  if (inPod === undefined) {
    differences.push(`prevResult does not have its interface ${endpoint.ifName}`);
  } else if (inPod.mac !== undefined && inPod.mac.toLowerCase() !== endpoint.mac) {
    differences.push(`prevResult has MAC ${inPod.mac} instead of ${endpoint.mac}`);
  }
  return differences;
}
