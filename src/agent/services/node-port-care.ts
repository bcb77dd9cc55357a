// Keeps node ports and the node's own processes apart: the range is reserved, and who took a port nevertheless is named.

import { errorText } from '../../base/errors.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import {
  type ListeningSocket,
  listListeningSockets,
} from '../../kernel/sockets/listening-socket.ts';
import type { ServiceTables } from '../../model/services/services.ts';
import { type AddedPorts, reservePorts } from './reserved-ports.ts';
import { type TakenNodePort, takenNodePorts } from './taken-node-ports.ts';

export interface NodePortCareOptions {
  /** `30000-32767` */
  readonly range: string;
  readonly added: AddedPorts;
  /** Shortest time between two looks. */
  readonly periodMs: number;
  /** Default: of this network namespace. */
  readonly listening?: () => readonly ListeningSocket[];
  /** Default: `reservePorts`. */
  readonly reserve?: typeof reservePorts;
}

export interface NodePortProblem {
  readonly subject?: string;
  readonly text: string;
}

const mostSockets = 10_000;

export class NodePortCare {
  readonly #options: NodePortCareOptions;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #refusal: string | undefined;
  #taken: readonly TakenNodePort[] = [];
  #trouble: string | undefined;

  constructor(options: NodePortCareOptions) {
    this.#options = options;
  }

  /** To be called after each settle of Services; mostly it does nothing. */
  look(tables: Pick<ServiceTables, 'owners'>, now: number = performance.now()): void {
    const {
      range,
      added,
      periodMs,
      reserve = reservePorts,
      listening = listOfNode,
    } = this.#options;
    if (now - this.#lookedAt < periodMs) return;
    this.#lookedAt = now;
    this.#refusal = reserve(range, added);
    try {
      this.#taken = takenNodePorts(tables, listening());
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = `whether processes of this node listen on node ports is unknown: ${errorText(error)}`;
    }
  }

  get problems(): readonly NodePortProblem[] {
    const texts = [this.#refusal, this.#trouble].flatMap((text) => text ?? []);
    return [...texts.map((text) => ({ text })), ...this.#taken];
  }
}

function listOfNode(): readonly ListeningSocket[] {
  using socket = NetlinkSocket.open({ family: 'socketDiagnosis' });
  return listListeningSockets(socket, mostSockets);
}
