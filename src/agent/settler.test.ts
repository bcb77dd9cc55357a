import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { silentLogger } from '../../test/support/silent-logger.ts';
import type { SettleCause } from '../api/status.ts';
import type { SettleReport } from '../reconcile/status.ts';
import { Settler } from './settler.ts';

const done: SettleReport = {
  writes: { set: 0, deleted: 0, restored: 0 },
  written: [],
  failures: [],
};

interface Fake {
  readonly settler: Settler;
  readonly settles: (readonly SettleCause[])[];
  /** Lets the running settle finish. */
  finish(report?: Partial<SettleReport>): Promise<void>;
}

function fakeSettler(): Fake {
  const settles: (readonly SettleCause[])[] = [];
  let resolve: ((report: SettleReport) => void) | undefined;
  const settle = (causes: readonly SettleCause[]): Promise<SettleReport> => {
    settles.push(causes);
    return new Promise((found) => {
      resolve = found;
    });
  };
  const settler = new Settler({ settle, periodMs: 1000, log: silentLogger });
  const finish = async (report: Partial<SettleReport> = {}): Promise<void> => {
    await setImmediate();
    resolve?.({ ...done, ...report });
    await setImmediate();
  };
  return { settler, settles, finish };
}

test('callers during a settle share one that begins afterwards', async () => {
  const { settler, settles, finish } = fakeSettler();
  const first = settler.request('start');
  await setImmediate();
  const second = settler.request('endpoint');
  const third = settler.request('cluster');
  assert.equal(second, third);
  assert.deepEqual(settles, [['start']]);
  await finish();
  await first;
  assert.deepEqual(settles, [['start'], ['endpoint', 'cluster']]);
  await finish();
  assert.equal(await second, await third);
});

test('the error of a settle reaches its callers, and the next settle runs', async () => {
  let calls = 0;
  const settle = async (): Promise<SettleReport> => {
    calls++;
    if (calls === 1) throw new Error('a bug');
    return done;
  };
  const settler = new Settler({ settle, periodMs: 1000, log: silentLogger });
  await assert.rejects(settler.request('start'), { message: 'a bug' });
  assert.equal(await settler.request('endpoint'), done);
});

test('bursts of notifications, retries and periods each lead to one settle', async (context) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  context.after(() => mock.timers.reset());
  const { settler, settles, finish } = fakeSettler();
  settler.requestSoon('endpoint', 20);
  settler.requestSoon('network', 20);
  settler.requestSoon('network', 20);
  mock.timers.tick(19);
  await setImmediate();
  assert.deepEqual(settles, []);
  mock.timers.tick(1);
  await finish({ retryAt: performance.now() + 300 });
  assert.deepEqual(settles, [['endpoint', 'network']]);
  mock.timers.tick(300);
  await finish();
  assert.deepEqual(settles.slice(1), [['retry']]);
  settler.startPeriod();
  mock.timers.tick(1000);
  await finish();
  mock.timers.tick(1000);
  await finish();
  assert.deepEqual(settles.slice(2), [['period'], ['period']]);
  await settler.stop();
  mock.timers.tick(5000);
  settler.requestSoon('network', 1);
  mock.timers.tick(5000);
  await setImmediate();
  assert.equal(settles.length, 4);
  await assert.rejects(settler.request('endpoint'), /stopping/);
});

test('stop waits for the running settle', async () => {
  const { settler, finish } = fakeSettler();
  const running = settler.request('start');
  await setImmediate();
  let stopped = false;
  const stop = settler.stop().then(() => {
    stopped = true;
  });
  await setImmediate();
  assert.equal(stopped, false);
  await finish();
  await stop;
  await running;
});

test('continuous changes by others take a share of the time and delay nothing else', async (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  let now = 0;
  const pass = (ms: number): void => {
    now += ms;
    mock.timers.tick(ms);
  };
  const settles: SettleCause[] = [];
  let costMs = 100;
  const settle = async (causes: readonly SettleCause[]): Promise<SettleReport> => {
    settles.push(...causes);
    now += costMs;
    return done;
  };
  const settler = new Settler({ settle, periodMs: 1000, log: silentLogger, now: () => now });
  // A minute of notifications, one every 10 ms.
  for (let i = 0; i < 6000; i++) {
    settler.requestRested('network', 20);
    pass(10);
    for (let turn = 0; turn < 3; turn++) await setImmediate();
  }
  const busy = (settles.length * costMs) / now;
  assert.ok(busy > 0.15 && busy < 0.25, `${settles.length} settles, ${busy} of the time`);
  costMs = 0;
  await settler.request('endpoint');
  assert.equal(settles.at(-1), 'endpoint', 'a pod is not held up');
  const before = settles.length;
  settler.requestRested('network', 20);
  settler.requestSoon('network', 0);
  pass(0);
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  assert.equal(settles.length, before + 1, 'urgent changes do not wait for others');
  await settler.stop();
});
