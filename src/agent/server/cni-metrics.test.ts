import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinCall } from '../../../test/support/join-call.ts';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import type { RecentError } from '../../api/status.ts';
import { CniError, cniErrorCode } from '../../cni/error.ts';
import type { Pods } from '../../pods/pods.ts';
import { type CniFailure, measuredCni } from './cni-metrics.ts';

interface Seen {
  readonly requests: { readonly verb: string; readonly code: number }[];
  readonly errors: Omit<RecentError, 'at' | 'isCurrent'>[];
  readonly failures: CniFailure[];
}

function seenOf(pods: Partial<Pods>, environment: Record<string, string>): Promise<Seen> {
  const seen: Seen = { requests: [], errors: [], failures: [] };
  const cni = measuredCni({
    pods: pods as Pods,
    log: silentLogger,
    journal: { error: (error) => seen.errors.push(error) },
    metrics: { cniRequest: ({ verb, code }) => seen.requests.push({ verb, code }) },
    onFailure: (failure) => seen.failures.push(failure),
  });
  const body = joinCall({
    environment: new Map(Object.entries(environment)),
    configuration: '{"cniVersion":"1.1.0","name":"heddle","type":"heddle"}',
  });
  return cni(Buffer.from(body)).then(() => seen);
}

const add = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/c1',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1',
};

test('a failure is reported with its error and its pod, and counted by verb and code', async () => {
  const error = new CniError(cniErrorCode.noAddress, 'ADD shop/web-1 eth0: none\u001b[2J', {
    plain: 'none',
  });
  const seen = await seenOf({ add: () => Promise.reject(error) }, add);
  assert.deepEqual(seen.requests, [{ verb: 'ADD', code: cniErrorCode.noAddress }]);
  assert.deepEqual(seen.errors, [{ kind: 'cni', text: 'CNI ADD shop/web-1 eth0: none\\x1b[2J' }]);
  const [failure] = seen.failures;
  assert.equal(failure?.error, error);
  assert.deepEqual(failure?.pod, { namespace: 'shop', name: 'web-1' });
});

test('a refusal because the agent is not ready is marked as such', async () => {
  const error = new CniError(cniErrorCode.tryLater, 'ADD shop/web-1 eth0: x', {
    about: 'readiness',
  });
  const seen = await seenOf({ add: () => Promise.reject(error) }, add);
  assert.deepEqual(seen.errors, [
    { kind: 'cni', text: 'CNI ADD shop/web-1 eth0: x', from: 'waiting' },
  ]);
});

test('a success is counted and not reported', async () => {
  const seen = await seenOf({ status: () => undefined }, { ...add, CNI_COMMAND: 'STATUS' });
  assert.deepEqual(seen, { requests: [{ verb: 'STATUS', code: 0 }], errors: [], failures: [] });
});

test('an unknown verb does not create a time series', async () => {
  const { requests, failures } = await seenOf({}, { ...add, CNI_COMMAND: 'x'.repeat(99) });
  assert.equal(requests[0]?.verb, 'unknown');
  assert.equal(failures[0]?.verb, 'unknown');
});
