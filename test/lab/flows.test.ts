// The flow log: the start and end of connections, with names, on the nodes that see them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe } from 'node:test';
import type { FlowLine, FlowRecord } from '../../src/api/flows.ts';
import { heddleCommand } from '../../src/lab/paths.ts';
import { curl, eventuallyDefined, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { echoDatagrams } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';

describe('flows', () => {
  const lab = sharedLab({ manifests: threePods });

  for (const to of ['cart-1', 'db-1']) {
    rootTest(
      `a connection to ${to} is reported new and closed, by name, with its bytes`,
      async () => {
        const address = lab().address(lab().pod(to), 4);
        await lab().inPod('web-1', curl(address, '/bytes/100000', '-o', '/dev/null'));
        const closed = await flow(
          lab(),
          'node-1',
          (one) => one.verdict === 'closed' && one.to.address === address,
        );
        assert.deepEqual(closed.from.pod, { namespace: 'shop', name: 'web-1' });
        assert.deepEqual(closed.to.pod, { namespace: 'shop', name: to });
        assert.equal(closed.to.port, 8080);
        assert.equal(closed.protocol, 'tcp');
        assert.equal(closed.totals?.end, 'closed');
        assert.ok((closed.totals?.received.bytes ?? 0) > 100_000, JSON.stringify(closed.totals));
        await flow(
          lab(),
          'node-1',
          (one) => one.verdict === 'allowed' && one.to.address === address,
        );
      },
    );
  }

  rootTest('both nodes report a connection between them', async () => {
    const address = lab().address(lab().pod('db-1'), 6);
    await lab().inPod('web-1', curl(address));
    for (const node of ['node-1', 'node-2']) {
      const seen = await flow(
        lab(),
        node,
        (one) => one.verdict === 'allowed' && one.to.address === address,
      );
      assert.equal(seen.from.pod?.name, 'web-1');
      assert.equal(seen.direction, node === 'node-1' ? 'egress' : 'ingress');
    }
  });

  rootTest('`heddle flows -f` prints a line when a connection begins', async () => {
    const { socket } = lab().node('node-1');
    const [program = '', ...words] = [...heddleCommand(), 'flows', '-f'];
    const child = spawn(program, words, {
      env: { ...process.env, HEDDLE_SOCKET: socket },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    try {
      const address = lab().address(lab().pod('cart-1'), 6);
      await eventuallyDefined('a line with both names', async () => {
        await lab().inPod('web-1', curl(address));
        return /allowed +shop\/web-1 +shop\/cart-1:8080/.test(printed) ? true : undefined;
      });
    } finally {
      child.kill('SIGKILL');
    }
  });

  rootTest('a flood of packets is one flow', async () => {
    const address = lab().address(lab().pod('cart-1'), 4);
    const before = (await lab().status('node-1')).flowEvents.received;
    const { sent, received } = await echoDatagrams(lab(), 'web-1', {
      address,
      count: 3000,
      intervalMs: 0,
    });
    assert.ok(received > 0, 'some came back');
    await flow(lab(), 'node-1', (one) => one.protocol === 'udp' && one.to.address === address);
    const events = (await lab().status('node-1')).flowEvents.received - before;
    assert.ok(events < 20, `${events} events for ${sent} datagrams`);
  });
});

function flow(
  lab: TestLab,
  node: string,
  wanted: (one: FlowRecord) => boolean,
): Promise<FlowRecord> {
  return eventuallyDefined('the flow is in the log', async () => {
    const { exitCode, stdout, stderr } = await lab.heddle(node, ['flows', '-o', 'json']);
    assert.equal(exitCode, 0, stderr);
    const lines = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as FlowLine);
    return lines.find((line): line is FlowRecord => line.kind === 'flow' && wanted(line));
  });
}
