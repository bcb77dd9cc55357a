// Which program runs where: both hooks of every pod's host interface and of the far end of its queue, the uplinks, the
// VXLAN device, and the cgroup whose processes reach Services by their sockets.

import { memoize, memoizeLast } from '../../base/memoize.ts';
import type { OverlayDevice, UnclaimedInterface } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Uplink } from '../../model/host.ts';
import { podQueue } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { type AttachedHook, type Attacher, attachmentKey } from '../attacher.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import type { ProgramName } from '../generated.ts';
import { type InterfaceHook, socketHooks } from '../hooks.ts';
import { writeEach } from '../writes.ts';

export function attachmentContents(): StateContents<AttachedHook> {
  const ofUplink = memoize(entriesOfUplink);
  const ofOverlay = memoize(entriesOfOverlay);
  const ofCgroup = memoizeLast(entriesOfCgroup);
  const ofUnclaimed = memoize((own: UnclaimedInterface) => hooks(own, ['from_pod', 'to_pod']));
  return {
    ...ofEachEndpoint(attachmentEntriesOf),
    groups: ({ uplinks, overlay, socketCgroup, unclaimed = [] }) => [
      ...uplinks.map(ofUplink),
      ...(overlay === undefined ? [] : [ofOverlay(overlay)]),
      ...(socketCgroup === undefined ? [] : [ofCgroup(socketCgroup)]),
      ...unclaimed.map(ofUnclaimed),
    ],
  };
}

export function attachmentEntriesOf(endpoint: LocalEndpoint): EntryGroup<AttachedHook> {
  const { hostIfName, hostIfIndex } = endpoint;
  const queue = podQueue(endpoint);
  return [
    ...hooks({ name: hostIfName, ifIndex: hostIfIndex }, ['from_pod', 'to_pod']),
    ...(queue === undefined
      ? []
      : hooks({ name: queue.farName, ifIndex: queue.farIfIndex }, ['from_pod', 'to_pod'])),
  ];
}

// None if packets have no Ethernet header, which the program reads first: to_pod judges packets that arrive there.
function entriesOfUplink(uplink: Uplink): EntryGroup<AttachedHook> {
  return uplink.mac === undefined ? [] : hooks(uplink, ['from_network']);
}

// None until the device exists.
function entriesOfOverlay({ name, ifIndex }: OverlayDevice): EntryGroup<AttachedHook> {
  return ifIndex === undefined ? [] : hooks({ name, ifIndex }, ['from_overlay', 'to_overlay']);
}

function entriesOfCgroup(path: string): EntryGroup<AttachedHook> {
  return socketHooks.map((hook) => {
    const entry = { target: 'cgroup', path, hook, current: true } as const;
    return [attachmentKey(entry), entry];
  });
}

function hooks(
  { name, ifIndex }: { readonly name: string; readonly ifIndex: IfIndex },
  all: readonly InterfaceHook[],
): EntryGroup<AttachedHook> {
  return all.map((hook) => {
    const entry = { target: 'interface', ifName: name, ifIndex, hook, current: true } as const;
    return [attachmentKey(entry), entry];
  });
}

export function attachmentTable<Hook extends string = ProgramName>(
  attacher: Attacher<Hook>,
): Table<AttachedHook<Hook>> {
  return {
    name: 'attachments',
    key: attachmentKey,
    equal: (left, right) => left.current === right.current && indexOf(left) === indexOf(right),
    list: (desired) =>
      new Map(attacher.list(desired).map((found) => [attachmentKey(found), found])),
    set: (wanted) => {
      const outcomes = attacher.attachAll(wanted);
      return wanted.flatMap((entry, index) => {
        const error = outcomes[index];
        return error === undefined ? [] : [{ key: attachmentKey(entry), error }];
      });
    },
    delete: (surplus) =>
      writeEach<AttachedHook<Hook>>(surplus, {
        key: attachmentKey,
        write: (entry) => attacher.detach(entry),
      }),
  };
}

// Undefined for other targets, for which `current` is sufficient.
function indexOf(attached: AttachedHook<string>): IfIndex | undefined {
  return attached.target === 'interface' ? attached.ifIndex : undefined;
}
