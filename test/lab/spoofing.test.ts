// A pod cannot send as somebody else: the packet is dropped, counted by reason, and seen in the flow log.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { FlowLine } from '../../src/agent/api-types.ts';
import { curl, eventually, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const cases = [
  { family: 4, stranger: '10.201.1.200', host: '10.201.1.200/32' },
  { family: 6, stranger: 'fd00:201:1::c8', host: 'fd00:201:1::c8/128' },
] as const;

describe('spoofed sources', () => {
  const lab = sharedLab({ manifests: threePods });

  for (const { family, stranger, host } of cases) {
    rootTest(`a foreign IPv${family} source address is dropped and counted`, async () => {
      const before = await drops(lab(), 'spoofed address');
      await command(lab(), [
        'ip',
        'address',
        'add',
        host,
        'dev',
        'eth0',
        ...(family === 6 ? ['nodad'] : []),
      ]);
      const address = lab().address(lab().pod('db-1'), family);
      const tried = await lab().inPod(
        'web-1',
        curl(address, '/', '--interface', stranger, '--max-time', '1'),
      );
      assert.equal(tried.exitCode, 28, `a time-out: ${tried.stderr}`);
      await command(lab(), ['ip', 'address', 'delete', host, 'dev', 'eth0']);
      const after = await drops(lab(), 'spoofed address');
      assert.ok(after > before, `${before} drops before, ${after} after`);
    });

    rootTest(
      `the drop of an IPv${family} packet stands in the flow log with its reason`,
      async () => {
        await eventually('a drop of the spoofed packet', async () => {
          const { stdout } = await lab().heddle('node-1', ['flows', '-o', 'json']);
          const flows = stdout
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line) as FlowLine);
          return flows.find(
            (flow) =>
              flow.kind === 'flow' &&
              flow.verdict === 'dropped' &&
              flow.from.address === stranger &&
              flow.reason === 'spoofed address',
          );
        });
      },
    );
  }

  rootTest('a foreign MAC address is dropped and counted', async () => {
    const mac = '02:00:00:00:00:99';
    const shown = await command(lab(), ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
    const own = /link\/ether (\S+)/.exec(shown)?.[1] ?? '';
    const before = await drops(lab(), 'spoofed mac');
    const address = lab().address(lab().pod('db-1'), 4);
    await command(lab(), changeMac(mac));
    const tried = await lab().inPod('web-1', curl(address, '/', '--max-time', '1'));
    await command(lab(), changeMac(own));
    assert.equal(tried.exitCode, 28, tried.stderr);
    assert.ok((await drops(lab(), 'spoofed mac')) > before);
    assert.equal(
      (await lab().inPod('web-1', curl(address))).exitCode,
      0,
      'its own MAC address works again',
    );
  });
});

/** With the gateway's neighbour entry, which goes with the interface's own address. */
function changeMac(mac: string): readonly string[] {
  const gateway = 'ip neigh replace 169.254.1.1 lladdr 02:68:65:64:64:6c dev eth0 nud permanent';
  return ['sh', '-c', `ip link set dev eth0 address ${mac} && ${gateway}`];
}

async function command(lab: TestLab, words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await lab.inPod('web-1', words);
  assert.equal(exitCode, 0, `${words.join(' ')}: ${stderr}`);
  return stdout;
}

async function drops(lab: TestLab, reason: string): Promise<number> {
  const { total } = (await lab.status('node-1')).drops;
  return total.find((drop) => drop.reason === reason)?.packets ?? 0;
}
