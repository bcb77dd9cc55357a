import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleLab } from '../../test/support/example-lab.ts';
import { renderLabs } from './status.ts';

test('the first line shows the state of the lab', () => {
  const first = (supervised: boolean): string | undefined =>
    renderLabs([{ ...exampleLab(), supervised }]).split('\n')[0];
  assert.match(first(true) ?? '', /^t: 1 of 3 pods NOT RUNNING {3}1 node, 3 pods, native routing/);
  assert.match(first(false) ?? '', /^t: CRASHED .*heddle lab down --name t/);
});

test('nodes and pods are in columns, with the reason for a pod that does not run', () => {
  const lines = renderLabs([{ ...exampleLab(), supervised: true }]).split('\n');
  assert.deepEqual(lines.slice(1, 5), [
    '  node  node-1  agent ready, 1 restart  192.0.2.1  pods 198.51.100.0/24',
    '  pod  shop/web-1   running on node-1  198.51.100.2',
    '  pod  other/web-1  running on node-1  198.51.100.3',
    '  pod  shop/db-1    waiting on node-1                its process ended (exit code 1)',
  ]);
});

test('without a lab, the output tells how to start one', () => {
  assert.match(renderLabs([]), /heddle lab up/);
});
