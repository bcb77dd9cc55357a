// Packets at the egress of a device, after all translation: packets of pods have the node's address there.

import type { DesiredState } from '../../../model/desired.ts';
import { addressFamily } from '../../../net/address.ts';
import type { Probe } from './probe.ts';

/** `sent` and `answered`: a request from a pod to outside, and its reply. */
export function egressProbes(
  { masquerade }: DesiredState,
  sent: Probe,
  answered: Probe,
): readonly Probe[] {
  const family = addressFamily(sent.source);
  const translated = masquerade?.nodeSources.find(
    ({ address }) => addressFamily(address) === family,
  );
  const hooks = ['egress'];
  return [
    { ...sent, source: translated?.address ?? sent.source, hooks },
    { ...answered, hooks },
  ];
}
