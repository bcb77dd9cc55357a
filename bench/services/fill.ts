// Brings the API server's store to a number of Services: the measured ones and the changing one are written through the
// API server, the others are copies of the changing one, written directly into its store.

import { randomUUID } from 'node:crypto';
import type { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import type { ApiWriter } from '../simulated/api-writer.ts';
import {
  backendAddresses,
  benchNode,
  changing,
  measuredCount,
  portsOf,
  serviceAddress,
  serviceManifest,
  serviceName,
  serviceNamespace,
  sliceManifest,
} from './population.ts';

const services = `/api/v1/namespaces/${serviceNamespace}/services`;
export const slicesPath: string = `/apis/discovery.k8s.io/v1/namespaces/${serviceNamespace}/endpointslices`;
const addresses = '/apis/networking.k8s.io/v1/ipaddresses';

interface Stored {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec?: object;
}

interface Models {
  readonly service: Stored;
  readonly slice: Stored;
  /** The API server's record of a cluster address in use: without it, it would write one. */
  readonly address: Stored;
}

export class Population {
  readonly #server: BareApiServer;
  readonly #writer: ApiWriter;
  #models: Models | undefined;
  #size = 0;

  constructor(server: BareApiServer, writer: ApiWriter) {
    this.#server = server;
    this.#writer = writer;
  }

  /** `backend`: address of the server's pod. A population only grows. */
  async growTo(size: number, backend: string): Promise<void> {
    this.#models ??= await this.#begin();
    for (let index = this.#size; index < measuredCount(size); index++) {
      const [name, ports] = [serviceName(index), portsOf(index)];
      await this.#create(services, serviceManifest(name, serviceAddress(index), ports));
      await this.#create(slicesPath, sliceManifest(name, backendAddresses(index, backend), ports));
    }
    const first = Math.max(this.#size, measuredCount(size));
    const copies = Array.from({ length: size - first }, (_, each) => first + each);
    const models = this.#models;
    await this.#server.store(new Map(copies.flatMap((index) => copiesOf(models, index, backend))));
    this.#size = size;
  }

  async #begin(): Promise<Models> {
    await this.#create('/api/v1/namespaces', { metadata: { name: serviceNamespace } });
    await this.#create('/api/v1/nodes', benchNode);
    const { name, address } = changing;
    const ports = portsOf(Number.POSITIVE_INFINITY);
    const service = await this.#create(services, serviceManifest(name, address, ports));
    const slice = await this.#create(slicesPath, sliceManifest(name, [], ports));
    const record = { method: 'GET', path: `${addresses}/${address}` } as const;
    return { service, slice, address: stored(await this.#writer.write(record)) };
  }

  async #create(path: string, body: object): Promise<Stored> {
    return stored(await this.#writer.write({ method: 'POST', path, body }));
  }
}

function copiesOf(
  { service, slice, address }: Models,
  index: number,
  backend: string,
): readonly [path: string, object][] {
  const [name, ip, ports] = [serviceName(index), serviceAddress(index), portsOf(index)];
  const place = `${serviceNamespace}/${name}`;
  return [
    [`ipaddresses/${ip}`, copy(address, addressRecord(ip, name))],
    [`services/specs/${place}`, copy(service, serviceManifest(name, ip, ports))],
    [
      `endpointslices/${place}`,
      copy(slice, sliceManifest(name, backendAddresses(index, backend), ports)),
    ],
  ];
}

function addressRecord(ip: string, name: string): object {
  const parentRef = { group: '', resource: 'services', namespace: serviceNamespace, name };
  return { metadata: { name: ip }, spec: { parentRef } };
}

function copy(model: Stored, manifest: object): object {
  const { metadata, spec, ...fields } = manifest as Stored;
  return {
    ...model,
    ...fields,
    metadata: { ...model.metadata, ...metadata, uid: randomUUID() },
    ...(spec !== undefined && { spec: { ...model.spec, ...spec } }),
  };
}

function stored(answer: unknown): Stored {
  const { metadata, ...rest } = answer as Stored;
  const { resourceVersion: _, ...kept } = metadata;
  return { ...rest, metadata: kept };
}
