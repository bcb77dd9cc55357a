// Asserts that a deleted pod leaves nothing on its node.

import assert from 'node:assert/strict';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { TestLab } from './lab.ts';

/** Neither the agent nor the kernel's links, routes, neighbours and nftables contain the endpoint any more. */
export async function assertNoTrace(
  lab: TestLab,
  node: string,
  { containerId, hostIfName, addresses }: EndpointView,
): Promise<void> {
  const left = await lab.ask<readonly EndpointView[]>(node, '/v1/endpoints');
  assert.ok(!left.some((each) => each.containerId === containerId), 'the agent forgot it');
  const script = 'ip -o link; ip route; ip -6 route; ip neigh; nft list ruleset';
  const { stdout } = await lab.inNode(node, ['sh', '-c', script]);
  for (const trace of [hostIfName, ...addresses.map((address) => `${address} `)]) {
    assert.ok(!stdout.includes(trace), `${trace} in ${stdout}`);
  }
}
