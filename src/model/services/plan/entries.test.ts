import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../../../test/support/service-objects.ts';
import { parseAddress } from '../../../net/address.ts';
import { parsePrefix } from '../../../net/prefix.ts';
import { compileService } from '../compiled.ts';
import { rangesEntry } from './entries.ts';

const own = ['198.51.100.1', '2001:db8::1'].map((text) => parseAddress(text));

for (const [ranges, wanted] of [
  [['198.51.100.0/24'], ['198.51.100.0/24', 'ff00::/128']],
  [['0.0.0.0/0'], ['0.0.0.0/0', 'ff00::/128']],
  [['203.0.113.0/24', '2001:db8::/32'], ['203.0.113.0/24']],
  [['2001:db8::/32'], []],
] as const)
  test(`source ranges ${ranges}: the node's processes are admitted with one of its addresses`, () => {
    const service = serviceOf('web', {
      type: 'LoadBalancer',
      sourceRanges: ranges.map((text) => parsePrefix(text)),
    });
    const compiled = compileService(service, [], { node: 'n1' });
    const [port] = compiled?.ports ?? [];
    assert(compiled !== undefined && port !== undefined);
    assert.deepEqual(rangesEntry(3, port, compiled, own), { number: 3, ranges: wanted });
  });
