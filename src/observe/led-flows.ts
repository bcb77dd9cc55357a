// Flows whose client's socket a Service has led to a backend. The data path reports the Service with the flow's first
// packet only, because the socket may be closed before the flow ends.

import type { FlowService } from '../api/flows.ts';
import { type FlowEvent, flowEventKind } from '../datapath/generated.ts';
import type { Address } from '../net/address.ts';

/** Names the Service that has a frontend; `protocol`: IP protocol number. */
export type NameFrontend = (
  frontend: Pick<FlowService, 'port'> & { readonly address: Address; readonly protocol: number },
) => Pick<FlowService, 'name' | 'portName'>;

export interface FlowEnds {
  readonly protocol: number;
  readonly source: Address;
  readonly sourcePort: number;
  readonly destination: Address;
  readonly destinationPort: number;
}

const usualCapacity = 10_000;

export class LedFlows {
  readonly #look: () => NameFrontend;
  readonly #capacity: number;
  readonly #open = new Map<string, FlowService>();
  #name: NameFrontend | undefined;

  /** `look`: the names as they are now. `capacity`: flows that are remembered until they end; the oldest go first. */
  constructor(look: () => NameFrontend, capacity: number = usualCapacity) {
    this.#look = look;
    this.#capacity = capacity;
  }

  /** Called before a batch of events: Services may have changed. */
  refresh(): void {
    this.#name = undefined;
  }

  /** The Service of an event's flow. */
  ofEvent(event: FlowEvent): FlowService | undefined {
    switch (event.kind) {
      case flowEventKind.new:
        return this.#opened(event);
      case flowEventKind.close:
        return this.ended(event);
      default:
        return undefined;
    }
  }

  /** The Service of a flow that ends now. */
  ended(ends: FlowEnds): FlowService | undefined {
    if (this.#open.size === 0) return undefined;
    const key = keyOf(ends);
    const service = this.#open.get(key);
    this.#open.delete(key);
    return service;
  }

  #opened(event: FlowEvent): FlowService | undefined {
    // An earlier flow with the same ends may have ended unseen.
    this.ended(event);
    const { frontend: address, frontendPort: port, protocol } = event;
    if (port === 0) return undefined;
    this.#name ??= this.#look();
    const service = { ...this.#name({ address, port, protocol }), address, port };
    const [oldest] = this.#open.keys();
    if (this.#open.size >= this.#capacity && oldest !== undefined) this.#open.delete(oldest);
    this.#open.set(keyOf(event), service);
    return service;
  }
}

function keyOf({ protocol, source, sourcePort, destination, destinationPort }: FlowEnds): string {
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`;
}
