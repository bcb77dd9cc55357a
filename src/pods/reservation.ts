// Chooses id, addresses, MAC and MTU of a new endpoint: the checks of ADD before it creates anything, which STATUS
// uses, too.

import { createHash } from 'node:crypto';
import { firstBandwidth } from '../cni/bandwidth.ts';
import { CniError, cniErrorCode } from '../cni/error.ts';
import type { AddRequest, CniAttachment } from '../cni/request.ts';
import type { EndpointId } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import type { Bandwidth } from '../net/bandwidth.ts';
import { type Mac, macFromBytes } from '../net/mac.ts';
import type { Prefix } from '../net/prefix.ts';
import {
  type Allocation,
  allocateAddresses,
  type Rotation,
  resumeRotation,
} from './addresses/allocate.ts';
import type { AddressCooldown } from './addresses/cooldown.ts';
import { gatewayMac } from './interface/gateway.ts';
import { checkPortMappings, type OwnPort } from './port-conflict.ts';
import { type EndpointReservation, hostIfNameOf } from './records/record.ts';
import type { EndpointStore } from './records/store.ts';

/** See the configuration's `ipam`. */
export interface IpamSettings {
  readonly reserved: readonly Prefix[];
  readonly excluded: readonly Prefix[];
  readonly cooldown: AddressCooldown;
}

export interface ReservationOptions {
  readonly store: EndpointStore;
  readonly node: {
    podRanges(): readonly Prefix[];
    waitingFor?(): string | undefined;
    podMtuBytes(): number | undefined;
  };
  readonly ipam: IpamSettings | undefined;
  readonly ownPorts: readonly OwnPort[];
  readonly now: () => Date;
}

export class Reservations {
  readonly #options: ReservationOptions;
  /** Addresses of the records found at the start, oldest first: where the rotation of addresses continues. */
  readonly #foundAddresses: readonly Address[];
  #rotation: Rotation | undefined;

  constructor(options: ReservationOptions) {
    this.#options = options;
    this.#foundAddresses = [...options.store.addresses()];
  }

  /**
   * Takes effect with `EndpointStore.reserve`. Synchronous until then, so that parallel ADDs cannot choose the same.
   * `annotated`: limits from the cluster's Pod object. Throws CniError.
   */
  make(request: AddRequest, annotated: Bandwidth): EndpointReservation {
    const { id, mtuBytes } = this.#room();
    const mac = request.fixed?.mac ?? podMac(request);
    if (mac === gatewayMac) {
      throw new CniError(
        cniErrorCode.invalidConfiguration,
        `fixed MAC ${mac}: this is the gateway's MAC in every pod`,
      );
    }
    const { addresses, rotation } = this.#allocate(request.fixed?.addresses);
    const { containerId, ifName, namespacePath, pod, network, portMappings = [] } = request;
    if (portMappings.length > 0) {
      const { store, ownPorts } = this.#options;
      const records = store.list();
      checkPortMappings({ mappings: portMappings, addresses, records, ownPorts });
    }
    this.#rotation = rotation;
    // The runtime's values take precedence over the cluster's, because they are newer.
    const bandwidth = firstBandwidth(request.bandwidth ?? {}, annotated);
    return {
      id,
      containerId,
      ifName,
      namespacePath,
      hostIfName: hostIfNameOf(request),
      mac,
      addresses,
      mtuBytes,
      ...(bandwidth !== undefined && { bandwidth }),
      ...(pod !== undefined && { pod }),
      network,
      ...(portMappings.length > 0 && { portMappings }),
      createdAt: this.#options.now().toISOString(),
    };
  }

  /** Throws the CniError that an ADD would get now. */
  probe(): void {
    this.#room();
    this.#allocate();
  }

  #room(): { readonly id: EndpointId; readonly mtuBytes: number } {
    const { store, node } = this.#options;
    const waiting = node.waitingFor?.();
    if (waiting !== undefined) {
      throw new CniError(cniErrorCode.tryLater, `the agent is not ready: ${waiting}`, {
        details: '`heddle status` on the node shows the reason',
        about: 'readiness',
      });
    }
    const id = store.freeId();
    if (id === undefined) {
      throw new CniError(
        cniErrorCode.tryLater,
        `the data path has no room for another endpoint (${store.capacity})`,
        {
          details: 'raise endpointEntries in the configuration of the agent',
        },
      );
    }
    const mtuBytes = node.podMtuBytes();
    if (mtuBytes === undefined) {
      throw new CniError(cniErrorCode.tryLater, 'the node has no uplink to the other nodes', {
        details: '`heddle status` shows the uplinks',
      });
    }
    return { id, mtuBytes };
  }

  #allocate(fixed?: readonly Address[]): Allocation {
    const { store, node, ipam } = this.#options;
    const ranges = node.podRanges();
    const { reserved, excluded, cooldown } = ipam ?? {};
    return allocateAddresses({
      ranges,
      taken: store.addresses(),
      rotation: this.#rotation ?? resumeRotation(ranges, this.#foundAddresses),
      cooling: cooldown,
      reserved,
      excluded,
      fixed,
    });
  }
}

// Locally administered, unicast, and deterministic for an attachment.
function podMac({ containerId, ifName }: CniAttachment): Mac {
  const digest = createHash('sha256').update(`${containerId}/${ifName}/mac`).digest();
  return macFromBytes(Uint8Array.of(0x02, ...digest.subarray(0, 5)));
}
