import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseServices } from './service-choice.ts';
import { KubeProxyWatch } from './watch.ts';

interface Seen {
  running?: string | undefined;
  remains: readonly string[];
}

function watchOf(seen: Seen, isOn: boolean): KubeProxyWatch {
  return new KubeProxyWatch({
    choice: { isOn },
    periodMs: 1000,
    findRunning: async () => seen.running,
    findRemains: async () => seen.remains,
  });
}

test('what is left is a problem only while no kube-proxy runs', async () => {
  const seen: Seen = { running: 'process 7', remains: ['nftables table ip kube-proxy'] };
  const watch = watchOf(seen, true);
  await watch.look();
  assert.equal(watch.problem, undefined);
  assert.match(watch.note ?? '', /^kube-proxy runs here too \(process 7\)/);
  seen.running = undefined;
  await watch.look();
  assert.equal(watch.problem, undefined, 'it may be replaced by a new version');
  await watch.look();
  assert.match(watch.problem ?? '', /nftables table ip kube-proxy; remove it with `heddle clean/);
  assert.equal(watch.note, undefined);
  seen.remains = [];
  await watch.look();
  assert.equal(watch.problem, undefined);
});

test('what an agent finds when it starts is a problem immediately', async () => {
  const watch = watchOf({ remains: ['interface kube-ipvs0'] }, true);
  await watch.look();
  assert.match(watch.problem ?? '', /interface kube-ipvs0/);
});

test('an agent that left Services to kube-proxy says when that is gone', async () => {
  const seen: Seen = { running: 'process 7', remains: ['nftables table ip kube-proxy'] };
  const watch = watchOf(seen, false);
  await watch.look();
  assert.deepEqual([watch.problem, watch.note], [undefined, undefined]);
  seen.running = undefined;
  await watch.look();
  await watch.look();
  assert.match(watch.problem ?? '', /no one updates its rules: restart the agent/);
});

test('a look that fails is noted, and the last findings stay', async () => {
  let fails = false;
  const watch = new KubeProxyWatch({
    choice: { isOn: true },
    periodMs: 1000,
    findRunning: async () => undefined,
    findRemains: async () => {
      if (fails) throw new Error('nft get table ip kube-proxy: EPERM');
      return ['nftables table ip kube-proxy'];
    },
  });
  await watch.look();
  fails = true;
  await watch.look();
  assert.match(watch.problem ?? '', /nftables table ip kube-proxy/);
  assert.match(watch.note ?? '', /cannot be read: nft get table ip kube-proxy: EPERM$/);
});

test('auto asks whether a kube-proxy runs, on and off do not', async () => {
  const never = (): Promise<undefined> => assert.fail('asked');
  assert.deepEqual(await chooseServices({ mode: 'on' }, never), { isOn: true });
  assert.deepEqual(await chooseServices({ mode: 'off' }, never), { isOn: false });
  const found = async (): Promise<string> => 'process 7';
  assert.deepEqual(await chooseServices({ mode: 'auto' }, found), {
    isOn: false,
    reason: 'kube-proxy ran here when the agent started (process 7)',
  });
  const none = async (): Promise<undefined> => undefined;
  assert.equal((await chooseServices({ mode: 'auto' }, none)).isOn, true);
});
