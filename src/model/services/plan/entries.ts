// Single entries of the tables, and comparisons of them.

import { type Address, parseAddress } from '../../../net/address.ts';
import { parsePrefix, prefixContains, prefixFamily } from '../../../net/prefix.ts';
import type { CompiledPort, CompiledService } from '../compiled.ts';
import type { Frontend } from '../frontend.ts';
import { type FrontendChoices, refusedClient } from './choices.ts';
import type {
  ClientBackends,
  ClientChoice,
  PortSourceRanges,
  ServiceFrontend,
} from './desired-services.ts';

/** In place of the node's addresses at which node ports answer. */
const anyAddress = { 4: parseAddress('0.0.0.0'), 6: parseAddress('::') } as const;

const refused: FrontendChoices = { inside: refusedClient, outside: refusedClient };

interface OfPort {
  readonly service: string;
  /** Of the port. */
  readonly number: number;
  readonly of: CompiledService;
  readonly isConsistent: boolean;
}

/** `choices` undefined: there is nothing to choose from. */
export function frontendEntry(
  frontend: Frontend,
  { service, number, of, isConsistent }: OfPort,
  choices: FrontendChoices = refused,
): ServiceFrontend {
  const { address, family, port, protocol } = frontend;
  return {
    service,
    address: address ?? anyAddress[family],
    port,
    protocol,
    number,
    inside: choices.inside,
    outside: choices.outside,
    affinitySeconds: of.service.affinitySeconds ?? 0,
    hasSourceRanges: hasSourceRanges(frontend, of),
    isConsistent,
  };
}

/** For the ports of a cluster address that its Service does not have. */
export function otherPortsEntry(service: string, address: Address): ServiceFrontend {
  return {
    service,
    address,
    port: undefined,
    protocol: undefined,
    number: 0,
    inside: refusedClient,
    outside: refusedClient,
    affinitySeconds: 0,
    hasSourceRanges: false,
    isConsistent: false,
  };
}

/** Source ranges protect the load balancer's addresses only. */
export function hasSourceRanges({ kind }: Frontend, { service }: CompiledService): boolean {
  return kind === 'load-balancer' && service.sourceRanges !== undefined;
}

/** `own`: addresses of this node. Its processes are known by another one (bpf/socket-service.h). */
export function rangesEntry(
  number: number,
  { family }: CompiledPort,
  { service: { sourceRanges = [] } }: CompiledService,
  own: readonly Address[],
): PortSourceRanges {
  const ranges = sourceRanges.filter((range) => prefixFamily(range) === family);
  const isAdmitted = own.some((address) => ranges.some((range) => prefixContains(range, address)));
  return { number, ranges: isAdmitted ? [...ranges, nodeClient] : ranges };
}

/** The client address of the node's processes. */
const nodeClient = parsePrefix('ff00::/128');

/** Lists that the entry refers to; one that it refers to twice is there twice. */
export function listsOf({
  inside,
  outside,
}: Pick<ServiceFrontend, 'inside' | 'outside'>): readonly number[] {
  const lists: number[] = [];
  if (inside.kind === 'backends') lists.push(inside.list);
  if (outside.kind === 'backends') lists.push(outside.list);
  return lists;
}

/** Numbers and lengths of those lists. */
export function listLengths({
  inside,
  outside,
}: ServiceFrontend): readonly (readonly [list: number, length: number])[] {
  return [inside, outside].flatMap((choice) =>
    choice.kind === 'backends' ? [[choice.list, choice.count] as const] : [],
  );
}

export function clientBackends({
  inside,
  outside,
}: Pick<ServiceFrontend, 'inside' | 'outside'>): ClientBackends {
  const count = (choice: ClientChoice): number => (choice.kind === 'backends' ? choice.count : 0);
  return { inside: count(inside), outside: count(outside) };
}

export function isSameFrontend(left: ServiceFrontend, right: ServiceFrontend): boolean {
  return (
    left.service === right.service &&
    left.address === right.address &&
    left.port === right.port &&
    left.protocol === right.protocol &&
    left.number === right.number &&
    isSameChoice(left.inside, right.inside) &&
    isSameChoice(left.outside, right.outside) &&
    left.affinitySeconds === right.affinitySeconds &&
    left.hasSourceRanges === right.hasSourceRanges &&
    left.isConsistent === right.isConsistent
  );
}

export function isSameRanges(left: PortSourceRanges, right: PortSourceRanges): boolean {
  return left.number === right.number && isSameTexts(left.ranges, right.ranges);
}

export function isSameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, index) => text === right[index]);
}

/** `port 80/TCP (IPv4)` */
export function portText({ service }: CompiledService, { family, index }: CompiledPort): string {
  const { port, protocol } = service.ports[index] ?? {};
  return `port ${port}/${protocol} (IPv${family})`;
}

function isSameChoice(left: ClientChoice, right: ClientChoice): boolean {
  if (left.kind !== 'backends' || right.kind !== 'backends') return left.kind === right.kind;
  return (
    left.list === right.list && left.count === right.count && left.masquerade === right.masquerade
  );
}
