// Kernel parameters that the agent may not write, as in a container whose /proc/sys is read-only, and what uninstalling
// restores.

import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  agentPlace,
  cni,
  cniBeside,
  podNamespace,
  rebooted,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys';

rootTest(
  'an ADD fails with the reason if forwarding of its interface cannot be set',
  async (context) => {
    const place = { ...agentPlace(context), before: readOnly };
    const set = (words: string): string =>
      runIn(place.namespace, 'sh', '-c', `cd /proc/sys/net && ${words}`);
    // The node's own parameters are set; its pods' interfaces are created without.
    set('echo 1 > ipv4/ip_forward && echo 1 > ipv6/conf/all/forwarding');
    set('echo 0 > ipv6/conf/default/accept_ra');
    set('echo 1 > ipv4/conf/eth0/forwarding && echo 0 > ipv4/conf/default/forwarding');
    await startAgent(context, place);
    const pod = podNamespace(context);
    const call = { containerId: 'pod-1', netns: pod.path };
    const { exitCode, answer } = await cniBeside(place, { verb: 'ADD', ...call });
    assert.equal(exitCode, 1);
    assert.match(
      answer?.msg ?? '',
      /sysctls: sysctl write net\/ipv4\/conf\/hd[0-9a-f]{11}\/forwarding = 1: EROFS/,
    );
    assert.equal((await status(place)).endpoints, 0);
    assert.doesNotMatch(runIn(place.namespace, 'ip', '-br', 'link'), /^hd[0-9a-f]{11}@/m);
    cni(place, { verb: 'DEL', ...call });
    // If nothing has to be written, the parameters may be read-only.
    set('echo 1 > ipv4/conf/default/forwarding');
    const prevResult: unknown = JSON.parse(cni(place, { verb: 'ADD', ...call }));
    cni(place, { verb: 'CHECK', ...call, more: { prevResult } });
    assert.equal((await status(place)).endpoints, 1);
    cni(place, { verb: 'DEL', ...call });
  },
);

rootTest(
  'uninstall leaves forwarding on if it was on before the agent of this boot',
  async (context) => {
    const place = agentPlace(context);
    const names = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];
    for (const name of names) runIn(place.namespace, 'sysctl', '-qw', `${name}=0`);
    await (await startAgent(context, place)).end('SIGTERM');
    // A file of /etc/sysctl.d turns it on with every boot.
    const { namespace, ...rest } = rebooted(context, place);
    for (const name of names) runIn(namespace, 'sysctl', '-qw', `${name}=1`);
    await (await startAgent(context, { namespace, ...rest })).end('SIGTERM');
    const cni = path.join(place.folder, 'cni');
    const flags = ['uninstall', '-c', place.config, '--bin-dir', cni, '--conf-dir', cni];
    runIn(namespace, process.execPath, heddle, ...flags);
    const values = names.map((name) => runIn(namespace, 'sysctl', '-n', name).trim());
    assert.deepEqual(values, ['1', '1']);
  },
);
