// Tunnelled packets that a router on the way has cut in pieces, on a node whose rules translate what is for the tunnel's
// port: they are the tunnel's, whole or not.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { curl, echoPod, eventuallyDefined, sharedLab } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const manifests = {
  'pods.yaml': [echoPod('alice', 'node-1'), echoPod('mallory', 'node-1'), echoPod('bob', 'node-2')],
};

describe('tunnelled packets in fragments', () => {
  const lab = sharedLab({ mode: 'vxlan', manifests });

  rootTest('are not translated by a rule that takes the port', async () => {
    const [node, mallory] = [lab().node('node-1'), lab().pod('mallory')].map((place) =>
      lab().address(place, 4),
    );
    await inNode('node-2', `ip route add ${node}/32 dev eth0 mtu 1000`);
    const fragments = async (): Promise<number> => {
      const { stdout } = await lab().inNode('node-1', ['cat', '/proc/net/snmp']);
      const [names = [], values = []] = stdout
        .split('\n')
        .filter((line) => line.startsWith('Ip:'))
        .map((line) => line.split(' '));
      return Number(values[names.indexOf('ReasmOKs')]);
    };
    const asksLongQuestion = async (what: string): Promise<void> => {
      const url = curl(lab().address(lab().pod('alice'), 4), `/${'x'.repeat(1100)}`);
      await eventuallyDefined(what, async () => {
        const { exitCode } = await lab().inPod('bob', url);
        return exitCode === 0 ? true : undefined;
      });
    };
    const before = await fragments();
    await eventuallyDefined('they come in fragments', async () => {
      await asksLongQuestion('without the rule');
      return (await fragments()) > before ? true : undefined;
    });
    await inNode(
      'node-1',
      `nft 'table ip taker {
         chain in {
           type nat hook prerouting priority -100
           ip daddr ${node} udp dport 4789 dnat to ${mallory}:5000
         }
       }'`,
    );
    for (let count = 0; count < 3; count++) await asksLongQuestion('with the rule');
    const { stdout } = await lab().inNode('node-1', ['conntrack', '-L', '-p', 'udp']);
    assert.doesNotMatch(stdout, /dport=4789/);
  });

  async function inNode(name: string, script: string): Promise<void> {
    const { exitCode, stderr } = await lab().inNode(name, ['sh', '-ec', script]);
    assert.equal(exitCode, 0, stderr);
  }
});
