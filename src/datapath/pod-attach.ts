// Pods' programs as the attachments table sees them: the filters of the shared blocks, which every pod has with its ADD, and
// what tcx adds to them later. A pod whose tcx program is of an earlier load is not as it should be, and is put right in the
// settle in which the filters are: no packet meets the old maps after it.

import type { BlockAttacher } from './block-attach.ts';
import type { PodTcx } from './pod-tcx.ts';
import {
  type AttachedHook,
  type Attacher,
  type Attachment,
  attachmentKey,
} from './tables/attacher.ts';

export interface PodAttachers {
  readonly block: BlockAttacher;
  readonly tcx: PodTcx;
}

export function podAttacher({ block, tcx }: PodAttachers): Attacher {
  return {
    list: (desired) => {
      // An interface of a pod keeps its programs as long as it lives: without an endpoint they drop what it sends, and
      // without them the node would forward it unseen.
      const found = block
        .list(desired)
        .filter(({ ifName, hook }) => desired?.has(attachmentKey({ ifName, hook })) ?? true);
      tcx.survey(found.filter(isSending).map(({ ifIndex }) => ifIndex));
      return found.map((hook) => (isStale(tcx, hook) ? { ...hook, current: false } : hook));
    },
    attachAll: (attachments) => {
      const outcomes = block.attachAll(attachments);
      return attachments.map((attachment, index) => {
        const failure = outcomes[index];
        if (failure !== undefined || !isSending(attachment)) return failure;
        return tcx.want(attachment.ifIndex);
      });
    },
    detach: (attachment) => {
      if (isSending(attachment)) tcx.forget(attachment.ifIndex);
    },
  };
}

function isStale(tcx: PodTcx, hook: AttachedHook): boolean {
  return isSending(hook) && tcx.isStale(hook.ifIndex);
}

function isSending({ hook }: Attachment): boolean {
  return hook === 'from_pod';
}
