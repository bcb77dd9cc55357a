import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunningLab } from './running-lab.ts';
import { chooseTargets, type Surroundings, type TargetOptions } from './targets.ts';

const demo: RunningLab = {
  name: 'demo',
  nodes: [
    { name: 'node-1', socket: '/labs/demo/1.sock' },
    { name: 'node-2', socket: '/labs/demo/2.sock' },
  ],
};
const other: RunningLab = { name: 'other', nodes: [{ name: 'a', socket: '/labs/other/a.sock' }] };

function machine(parts: {
  labs?: RunningLab[];
  env?: Record<string, string>;
  agent?: boolean;
}): Surroundings {
  return {
    env: parts.env ?? {},
    exists: () => parts.agent ?? false,
    labs: async () => parts.labs ?? [],
  };
}

async function sockets(options: TargetOptions, surroundings: Surroundings): Promise<string[]> {
  const { clients } = await chooseTargets(options, surroundings);
  return [...clients.values()].map((client) => client.socket);
}

test('--socket overrides HEDDLE_SOCKET, which overrides this machine and its labs', async () => {
  const crowded = machine({ labs: [demo], env: { HEDDLE_SOCKET: '/env.sock' }, agent: true });
  assert.deepEqual(await sockets({ socket: '/given.sock' }, crowded), ['/given.sock']);
  assert.deepEqual(await sockets({}, crowded), ['/env.sock']);
  assert.deepEqual(await sockets({}, machine({ labs: [demo], agent: true })), [
    '/run/heddle/agent.sock',
  ]);
});

test('without an agent, all nodes of the only lab are queried', async () => {
  const { clients, several } = await chooseTargets({}, machine({ labs: [demo] }));
  assert.deepEqual([...clients.keys()], ['node-1', 'node-2']);
  assert.ok(several);
});

test('with neither agent nor lab, the default socket is queried, so that the error names it', async () => {
  assert.deepEqual(await sockets({}, machine({})), ['/run/heddle/agent.sock']);
});

test('--lab and --node select; --node alone selects in the only lab', async () => {
  const labs = machine({ labs: [demo, other], agent: true });
  assert.deepEqual(await sockets({ lab: 'other' }, labs), ['/labs/other/a.sock']);
  assert.deepEqual(await sockets({ lab: 'demo', node: 'node-2' }, labs), ['/labs/demo/2.sock']);
  assert.deepEqual(await sockets({ node: 'node-1' }, machine({ labs: [demo], agent: true })), [
    '/labs/demo/1.sock',
  ]);
});

test('a name that is not running is refused with those that are', async () => {
  const refusals: [TargetOptions, RunningLab[], RegExp][] = [
    [{ lab: 'x' }, [], /no lab is running here/],
    [{ lab: 'x' }, [demo, other], /lab x is not running here: --lab is one of demo, other/],
    [{}, [demo, other], /several labs are running here: choose one with --lab \(demo, other\)/],
    [{ node: 'a' }, [demo, other], /several labs are running here/],
    [{ lab: 'demo', node: 'x' }, [demo], /no node x: --node is one of node-1, node-2/],
  ];
  for (const [options, labs, message] of refusals)
    await assert.rejects(chooseTargets(options, machine({ labs })), {
      name: 'CommandError',
      message,
    });
});
