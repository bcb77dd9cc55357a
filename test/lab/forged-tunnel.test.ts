// The port of other nodes' tunnels: only this node's VXLAN device sends there. Any process of the node has an address that the
// other node believes.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { AddressFamily } from '../../src/net/address.ts';
import { Capture } from '../support/capture.ts';
import { forgedDatagram, frame, vxlan } from '../support/forged-frames.ts';
import { curl, echoAnswer, echoPod, eventuallyDefined, sharedLab } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const manifests = { 'pods.yaml': [echoPod('alice', 'node-1'), echoPod('bob', 'node-2')] };
const unprivileged = [
  ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
  ...['--inh-caps=-all', '--bounding-set=-all', process.execPath, '-e'],
];

describe("forged packets to another node's tunnel", () => {
  const lab = sharedLab({ mode: 'vxlan', manifests });

  for (const family of [4, 6] as const) {
    rootTest(`no process of the node sends them, IPv${family}`, async () => {
      using capture = Capture.start(lab().pod('bob'));
      const before = await dropped();
      const payloads = [inner('alice', 60), inner('alice', 3000), inner('node-1', 60)];
      const script = `
        const socket = require('node:dgram').createSocket('udp${family}');
        (async () => {
          for (const hex of ${JSON.stringify(payloads)})
            await new Promise((done) =>
              socket.send(Buffer.from(hex, 'hex'), 4789, '${address('node-2', family)}', done));
          socket.close();
        })();`;
      const sent = await lab().inNode('node-1', [...unprivileged, script]);
      assert.equal(sent.exitCode, 0, sent.stderr);
      await eventuallyDefined('each of them counted', async () =>
        (await dropped()) - before === payloads.length ? true : undefined,
      );
      // The node's own traffic leaves by the device, to pods of both families.
      for (const to of [4, 6] as const) {
        const answer = await lab().inNode('node-1', curl(address('bob', to)));
        assert.equal(answer.exitCode, 0, answer.stderr);
        assert.notEqual(echoAnswer(answer).peer, '');
      }
      const texts = capture.frames().map((bytes) => Buffer.from(bytes).toString('latin1'));
      assert.ok(texts.length > 0, "the node's own traffic arrived");
      assert.ok(!texts.some((text) => text.includes('forged')));
      assert.equal((await dropped()) - before, payloads.length);
    });
  }

  function inner(from: string, bytes: number): string {
    const ends = { source: address(from, 4), destination: address('bob', 4) };
    const payload = new TextEncoder().encode('forged '.padEnd(bytes));
    const packet = frame(ends, forgedDatagram(ends, { from: 7, to: 9 }, payload));
    return Buffer.from(vxlan(1, packet)).toString('hex');
  }

  function address(name: string, family: AddressFamily): string {
    const place = name.startsWith('node') ? lab().node(name) : lab().pod(name);
    return lab().address(place, family);
  }

  async function dropped(): Promise<number> {
    const { total } = (await lab().status('node-1')).drops;
    return total.find(({ reason }) => reason === 'foreign tunnel packet')?.packets ?? 0;
  }
});
