// Places of a lab that ask Services of random clusters, and what the oracle permits each of them.

import { labQuestions } from './lab-services.ts';
import type { Random } from './random.ts';
import {
  type ServiceAnswer,
  type ServiceQuestion,
  type ServiceWorld,
  serviceOracle,
} from './service-oracle.ts';

export interface AskingPlace {
  readonly place: string;
  readonly from: ServiceQuestion['from'];
  /** Number of the first node that translates what it sends to a Service. */
  readonly node: number;
  /** By family. */
  readonly sources: Readonly<Record<4 | 6, string>>;
}

export interface JudgedQuestion {
  readonly question: ServiceQuestion;
  readonly answer: Exclude<ServiceAnswer, 'not a service'>;
}

const questionsPerPlace = 12;
/** A cluster may have nothing that can be judged. */
const mostTries = 100;
/** To node-1, from outside. */
const isRouted = /^(198\.18\.0\.|10\.96\.|2001:db8:9::|fd00:96::)/;
const nodeAddress = /^(?:10\.200\.0\.1|fd00:200::1)([123])$/;

/** Random questions about which the oracle says something. */
export function judgedQuestions(
  random: Random,
  world: ServiceWorld,
  { from, node, sources }: AskingPlace,
): readonly JudgedQuestion[] {
  const found: JudgedQuestion[] = [];
  for (let tries = 0; tries < mostTries && found.length < questionsPerPlace; tries++)
    for (const question of labQuestions(random, world, { from, sources, count: 1 })) {
      const answer = permitted(world, node, question);
      if (answer !== 'not a service') found.push({ question, answer });
    }
  return found;
}

// What the first node leaves alone goes on to the node that has the address, for which the client is outside.
function permitted(world: ServiceWorld, first: number, question: ServiceQuestion): ServiceAnswer {
  const { address, from } = question;
  const owner = nodeAddress.exec(address)?.[1];
  // Other nodes leave such an address to the Service, since a kubelet could write it into its Node (docs/services.md).
  const isContested = world.services.some(({ spec }) => spec.clusterIPs?.includes(address));
  if (owner !== undefined && isContested) return 'not a service';
  if (from !== 'outside' || isRouted.test(address) || owner === `${first}`) {
    const answer = serviceOracle({ ...world, node: `node-${first}` }, question);
    if (answer !== 'not a service' || owner === `${first}`) return answer;
  }
  if (owner === undefined) return 'not a service';
  return serviceOracle({ ...world, node: `node-${owner}` }, { ...question, from: 'outside' });
}
