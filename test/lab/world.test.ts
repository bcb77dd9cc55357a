// Pods and the outside: masquerading, exempt ranges, answers, and path-MTU errors on the way.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe } from 'node:test';
import { labProgram } from '../../src/lab/paths.ts';
import { spawnInPlace } from '../../src/lab/spawn.ts';
import {
  curl,
  echoAnswer,
  eventuallyDefined,
  sharedLab,
  type TestLab,
  threePods,
} from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const families = [4, 6] as const;
const worldAddress = { 4: '203.0.113.10', 6: '2001:db8:113::10' };
const largeBytes = 1_000_000;

describe('pods and the world, native routing', () => {
  const lab = sharedLab({ mode: 'native', manifests: threePods });
  worldServer(lab);

  for (const family of families) {
    rootTest(
      `the world sees the node's address for a pod, and replies reach the pod, IPv${family}`,
      async () => {
        const answer = echoAnswer(await lab().inPod('db-1', curl(worldAddress[family])));
        assert.equal(answer.pod, 'outside/world');
        assert.equal(answer.peer, lab().address(lab().node('node-2'), family));
      },
    );

    rootTest(
      `a path-MTU error from a narrow link arrives, and the transfer completes, IPv${family}`,
      async () => {
        await narrowWorldLink(lab(), 1280);
        try {
          await exchange(lab(), worldAddress[family]);
          await knowsSmallerPath(lab(), worldAddress[family]);
        } finally {
          await narrowWorldLink(lab(), 1500);
        }
      },
    );
  }
});

describe('pods and the world, VXLAN', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests: threePods });
  worldServer(lab);

  for (const family of families) {
    rootTest(`the world sees the node's address for a pod, IPv${family}`, async () => {
      const answer = echoAnswer(await lab().inPod('db-1', curl(worldAddress[family])));
      assert.equal(answer.peer, lab().address(lab().node('node-2'), family));
    });
  }
});

describe('ranges that are not masqueraded', () => {
  const settings = { nonMasqueradeCidrs: ['203.0.113.0/24', '2001:db8:113::/64'] };
  const lab = sharedLab({ mode: 'native', manifests: threePods, settings });
  worldServer(lab);

  for (const family of families) {
    rootTest(`the world sees the pod's own address, IPv${family}`, async () => {
      const answer = echoAnswer(await lab().inPod('web-1', curl(worldAddress[family])));
      assert.equal(answer.peer, lab().address(lab().pod('web-1'), family));
    });

    rootTest(`a path-MTU error reaches a pod that is not masqueraded, IPv${family}`, async () => {
      await narrowWorldLink(lab(), 1280);
      try {
        await exchange(lab(), worldAddress[family]);
        await knowsSmallerPath(lab(), worldAddress[family]);
      } finally {
        await narrowWorldLink(lab(), 1500);
      }
    });
  }
});

/** An echo server on the outside host, for the tests of a `describe`. */
function worldServer(lab: () => TestLab): void {
  let server: ChildProcess | undefined;
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    server = spawnInPlace(lab().lab.record().world, labProgram('echo'), {
      stdio: 'ignore',
      environment: { POD_NAMESPACE: 'outside', POD_NAME: 'world' },
    });
    await eventuallyDefined('the world serves', async () => {
      const { exitCode } = await lab().inNode('world', curl('127.0.0.1'));
      return exitCode === 0 ? true : undefined;
    });
  });
  after(() => {
    server?.kill();
  });
}

async function narrowWorldLink(lab: TestLab, mtuBytes: number): Promise<void> {
  const command = ['ip', 'link', 'set', 'dev', 'world', 'mtu', String(mtuBytes)];
  const { exitCode, stderr } = await lab.inNode('switch', command);
  assert.equal(exitCode, 0, stderr);
}

/** A large upload: more than fits through before the first path-MTU error. */
async function exchange(lab: TestLab, address: string): Promise<void> {
  const upload = curl(address, '/', '--data-binary', '@-');
  const answer = echoAnswer(await lab.inPod('web-1', upload, 'x'.repeat(largeBytes)));
  assert.equal(answer.receivedBytes, largeBytes);
}

async function knowsSmallerPath(lab: TestLab, address: string): Promise<void> {
  const { stdout } = await lab.inPod('web-1', ['ip', 'route', 'get', address]);
  assert.match(stdout, /mtu 1280/, 'the pod learned the path MTU from the ICMP error');
}
