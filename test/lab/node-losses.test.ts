// Resources of the kernel that all pods of a node share and one pod can use up: the memory of fragments, and the ports
// of an outside address. Other pods lose packets, and `heddle status` reports it.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { parseMac } from '../../src/net/mac.ts';
import { forgedDatagram, frame, portOf, sendFrames } from '../support/forged-frames.ts';
import { eventuallyDefined, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { echoDatagrams } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';

const world = '203.0.113.10';
const gatewayMac = parseMac('02:68:65:64:64:6c');
// Instead of 4 MiB and half a minute, so that little traffic is enough.
const fragmentMemory = { bytes: 200_000, seconds: 8 };
const narrowPorts = 10;

describe('resources shared by the pods of a node', () => {
  const lab = sharedLab({ manifests: threePods, settings: { reconcilePeriodMs: 400 } });

  rootTest('incomplete fragments take the room of others for a while', async () => {
    await inNode(
      lab(),
      `sysctl -qw net.ipv4.ipfrag_low_thresh=${fragmentMemory.bytes / 2} net.ipv4.ipfrag_high_thresh=${fragmentMemory.bytes} net.ipv4.ipfrag_time=${fragmentMemory.seconds}`,
    );
    const large = { address: lab().address(lab().pod('db-1'), 4), count: 3, sizeBytes: 3000 };
    assert.equal((await echoDatagrams(lab(), 'cart-1', large)).received, 3);
    sendFirstFragments(lab(), 300);
    const text = await factAs(
      lab(),
      'fragment-memory',
      /^IPv4 fragments .* of 200000 bytes .* further fragments are dropped$/,
    );
    assert.equal((await echoDatagrams(lab(), 'cart-1', large)).received, 0);
    const { exitCode, stdout } = await lab().heddle('node-1', ['status']);
    assert.equal(exitCode, 1);
    assert.ok(stdout.includes(text), stdout);
    await factAs(lab(), 'fragment-memory', /^$/);
    assert.equal((await echoDatagrams(lab(), 'cart-1', large)).received, 3);
  });

  rootTest('connections without a free port are a note', async () => {
    const node = lab().address(lab().node('node-1'), 4);
    await inNode(
      lab(),
      `nft -f - <<'END'
table ip narrow {
  chain out {
    type nat hook postrouting priority 90; policy accept;
    ip daddr ${world} udp dport 9 snat to ${node}:2000-${2000 + narrowPorts - 1}
  }
}
END`,
    );
    sendDatagrams(lab(), 60);
    const lost = 60 - narrowPorts;
    const words = `^${lost} new connections in the last minutes lost their first packet`;
    await factAs(lab(), 'connection-inserts', new RegExp(words));
    assert.equal((await lab().status('node-1')).health.state, 'healthy');
  });
});

/** Each to another address, so that each waits for its own rest. */
function sendFirstFragments(lab: TestLab, count: number): void {
  const port = portOf(lab.pod('web-1'));
  const source = lab.address(lab.pod('web-1'), 4);
  const frames = Array.from({ length: count }, (_, index) => {
    const ends = { source, destination: `10.99.${index >> 8}.${index & 0xff}` };
    const macs = { sourceMac: port.mac, destinationMac: gatewayMac };
    const body = forgedDatagram(ends, { from: 40000, to: 9 }, new Uint8Array(1400));
    return frame({ ...ends, ...macs }, body, { moreFragments: true });
  });
  sendFrames(port, frames);
}

function sendDatagrams(lab: TestLab, count: number): void {
  const port = portOf(lab.pod('web-1'));
  const ends = { source: lab.address(lab.pod('web-1'), 4), destination: world };
  const frames = Array.from({ length: count }, (_, index) =>
    frame(
      { ...ends, sourceMac: port.mac, destinationMac: gatewayMac },
      forgedDatagram(ends, { from: 40000 + index, to: 9 }, new Uint8Array(8)),
    ),
  );
  sendFrames(port, frames);
}

/** Its text, once it is that; empty where all is well. */
async function factAs(lab: TestLab, id: string, wanted: RegExp): Promise<string> {
  return eventuallyDefined(
    `${id} says ${wanted}`,
    async () => {
      const { facts } = await lab.status('node-1');
      const { text = '' } = facts.find((fact) => fact.id === id) ?? assert.fail(id);
      return wanted.test(text) ? { text } : undefined;
    },
    40_000,
  ).then(({ text }) => text);
}

async function inNode(lab: TestLab, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode('node-1', ['bash', '-ec', script]);
  assert.equal(exitCode, 0, `${script}\n${stderr}`);
}
