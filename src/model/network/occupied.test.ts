import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';
import type { HostFacts } from '../host.ts';
import { orderedPrefix } from '../prefix-order.ts';
import { OccupiedRanges } from './occupied.ts';

test('a range is compared with only a few of very many addresses of the node', () => {
  const addresses = Array.from({ length: 5_000 }, (_, index) => ({
    address: parseAddress(`10.96.${index >> 8}.${index & 255}`),
    ...{ prefixLength: 32, ifName: 'kube-ipvs0', leadsNowhere: true },
  }));
  const host: HostFacts = { uplinks: [], addresses };
  const flaw = new OccupiedRanges().flawOf(host);
  let looked = 0;
  const ranges = 1_000;
  for (let index = 0; index < ranges; index++) {
    const range = orderedPrefix(parsePrefix(`10.${100 + (index >> 8)}.${index & 255}.0/24`));
    // Each comparison reads the family or the digits of the range.
    const counted = new Proxy(range, {
      get: (target, field): unknown => {
        looked++;
        return Reflect.get(target, field);
      },
    });
    assert.equal(flaw(counted), undefined);
  }
  assert.ok(looked < ranges * 100, `${looked / ranges} looks for a range`);
  assert.equal(
    flaw(orderedPrefix(parsePrefix('10.96.7.0/24')))?.flaw,
    'holds 10.96.7.0, an address of this node (kube-ipvs0)',
  );
});
