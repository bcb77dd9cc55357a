import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentConfig } from '../config/schema.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { Port } from '../net/port.ts';
import type { PortMapping } from '../net/port-mapping.ts';
import { checkPortMappings } from '../pods/port-conflict.ts';
import { ownPorts } from './configured.ts';

const config = {
  health: { address: '127.0.0.1:9656' },
  metrics: { address: '[::]:9655' },
  mode: 'vxlan',
  vxlan: { port: 4789 as Port, vni: 1 },
} as AgentConfig;
const addresses = ['192.0.2.2', '2001:db8:1::2'].map((text) => parseAddress(text));

function refusal(mapping: Omit<PortMapping, 'containerPort'>, of = config): string | undefined {
  const mappings = [{ ...mapping, containerPort: 80 as Port }];
  try {
    checkPortMappings({ mappings, addresses, records: [], ownPorts: ownPorts(of) });
    return undefined;
  } catch (error) {
    return String(error).replace(/^\w+: /, '');
  }
}

const at = (protocol: 'tcp' | 'udp', port: number, address?: string) => ({
  ...{ protocol, hostPort: port as Port },
  ...(address === undefined ? {} : { hostAddress: parseAddress(address) as Address }),
});

test('no pod gets a host port on which the agent itself is reached', () => {
  for (const [mapping, text] of [
    [at('tcp', 9656), 'host port tcp 9656 is used by heddle itself (health.address)'],
    [
      at('tcp', 9656, '0.0.0.0'),
      'host port tcp 0.0.0.0 9656 is used by heddle itself (health.address)',
    ],
    [at('tcp', 9655), 'host port tcp 9655 is used by heddle itself (metrics.address)'],
    [
      at('tcp', 9655, '198.51.100.1'),
      'host port tcp 198.51.100.1 9655 is used by heddle itself (metrics.address)',
    ],
    [at('udp', 4789), 'host port udp 4789 is used by heddle itself (vxlan.port)'],
    [
      at('udp', 4789, '2001:db8::1'),
      'host port udp 2001:db8::1 4789 is used by heddle itself (vxlan.port)',
    ],
  ] as const) {
    assert.equal(refusal(mapping), text);
  }
});

test('a host port that takes nothing from the agent is accepted', () => {
  assert.equal(refusal(at('tcp', 9656, '198.51.100.1')), undefined, 'health is on loopback');
  assert.equal(refusal(at('udp', 9656)), undefined);
  assert.equal(refusal(at('tcp', 4789)), undefined);
  assert.equal(refusal(at('udp', 4789), { ...config, mode: 'native' }), undefined);
  const off = { ...config, health: { address: '127.0.0.1:0' }, metrics: { address: 'none' } };
  assert.equal(refusal(at('tcp', 9656), off), undefined);
  assert.equal(refusal(at('tcp', 9655), off), undefined);
});
