// The desired state of inputs that nothing else is computed from.

import { type Entries, KeyedCollection } from '../../src/base/collections/collection.ts';
import type { DesiredState, ModelConfig } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { Model, type ModelInputs } from '../../src/model/model.ts';

export interface FixedInputs extends Omit<ModelInputs, 'endpoints'> {
  readonly config: ModelConfig;
  readonly endpoints: readonly LocalEndpoint[];
}

export function computeDesired({ config, endpoints, ...inputs }: FixedInputs): DesiredState {
  return new Model(config).compute({ ...inputs, endpoints: endpointCollection(endpoints) });
}

export function endpointCollection(
  endpoints: readonly LocalEndpoint[],
): Entries<string, LocalEndpoint> {
  const made = new KeyedCollection<string, LocalEndpoint>();
  // Some tests make endpoints of a few fields alone.
  for (const [index, each] of endpoints.entries()) made.set(each.hostIfName ?? `hd${index}`, each);
  return made;
}
