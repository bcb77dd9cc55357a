// The addresses of this node at which node ports of Services answer.

import { type Address, addressFamily } from '../../net/address.ts';
import { prefixContains } from '../../net/prefix.ts';
import type { ModelConfig, ModelProblem } from '../desired.ts';

export interface NodePortFacts {
  /** All addresses of this node. */
  readonly hostAddresses: readonly Address[];
  /** Those of its Node object, in their order. */
  readonly ofNode: readonly Address[];
}

/** Undefined: all of them. */
export function nodePortAddresses(
  { nodePortAddresses: chosen }: Pick<ModelConfig, 'nodePortAddresses'>,
  { hostAddresses, ofNode }: NodePortFacts,
): readonly Address[] | undefined {
  if (chosen === undefined) return undefined;
  if (chosen !== 'primary')
    return hostAddresses.filter((address) =>
      chosen.some((prefix) => prefixContains(prefix, address)),
    );
  const primary = ([4, 6] as const).map((family) =>
    ofNode.find((address) => addressFamily(address) === family),
  );
  return hostAddresses.filter((address) => primary.includes(address));
}

export function nodePortProblems(
  { nodePortAddresses: chosen }: Pick<ModelConfig, 'nodePortAddresses'>,
  addresses: readonly Address[] | undefined,
): readonly ModelProblem[] {
  if (chosen === undefined || addresses === undefined || addresses.length > 0) return [];
  const text =
    chosen === 'primary'
      ? 'primary: the Node object has no address of this node'
      : `${chosen.join(', ')}: this node has no address in these ranges`;
  return [{ object: 'services.nodePortAddresses', text: `${text}, so node ports answer nowhere` }];
}
