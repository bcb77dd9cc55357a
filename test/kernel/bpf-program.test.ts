import assert from 'node:assert/strict';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { loadTestObject } from '../support/bpf.ts';
import { encodeBytes } from '../support/encode-bytes.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const packet = Uint8Array.from({ length: 60 }, (_, index) => index);

rootTest('a test run returns verdict, packet and context', (context) => {
  const object = loadTestObject(context, 'hooks');
  using program = object.program('change');
  const result = testNamespace(context).run(() =>
    program.testRun({
      packet,
      context: encodeBytes(skBuff, {
        mark: 41,
        ifIndex: 1 as IfIndex,
        controlBlock: [9, 0, 0, 0, 0],
      }),
    }),
  );
  assert.equal(result.verdict, -7);
  assert.equal(result.packet.length, 62);
  assert.deepEqual([...result.packet.subarray(12, 16)], [12, 13, 0xee, 15]);
  const after = skBuff.decode(new DataView(result.context.buffer), 0);
  assert.equal(after.mark, 42);
  assert.deepEqual(after.controlBlock, [9, 1, 0, 0, 0]);
  assert.ok(result.durationNs > 0);
});

rootTest('without a context none is returned', (context) => {
  const object = loadTestObject(context, 'hooks');
  using program = object.program('add_one');
  const { verdict, context: after, packet: unchanged } = program.testRun({ packet, repeat: 100 });
  assert.deepEqual([verdict, after.length], [-1, 0]);
  assert.deepEqual(unchanged, packet);
});

rootTest('a program that the kernel cannot run is refused with its name', (context) => {
  const object = loadTestObject(context, 'hooks');
  using tcx = object.program('add_one');
  assert.throws(() => tcx.testRun({ packet: new Uint8Array(1) }), {
    message: /^bpf program test run add_one: EINVAL/,
  });
  const missing = encodeBytes(skBuff, { ifIndex: 4_000_000 as IfIndex });
  assert.throws(() => tcx.testRun({ packet, context: missing }), /ENODEV/);
  using cgroup = object.program('refuse_connect');
  assert.throws(() => cgroup.testRun({ packet }), /test run refuse_connect: ENOTSUPP/);
});
