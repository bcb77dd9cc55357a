import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { bytes, u32, u64 } from '../../src/kernel/codec.ts';
import { KernelError } from '../../src/kernel/errno.ts';
import { loadTestObject, openTestObject, pinFolder } from '../support/bpf.ts';
import { rootTest } from '../support/root-test.ts';

const shapes = {
  name: 'shapes',
  type: 'lru_hash',
  key: bytes(8),
  value: bytes(36),
  maxEntries: 12,
} as const;
const events = { name: 'shape_events', sizeBytes: 1 << 16, record: u64 } as const;
const packet = new Uint8Array(64);

rootTest('programs and maps are listed before the load', (context) => {
  const object = openTestObject(context, 'shapes');
  assert.deepEqual(object.programs, [
    { name: 'tell', section: 'tc', type: 'sched_cls' },
    { name: 'look', section: 'xdp', type: 'xdp' },
  ]);
  const rodata = { type: 'array', keySize: 4, valueSize: 3, maxEntries: 1 };
  const byName = [...object.maps].sort((left, right) => (left.name < right.name ? -1 : 1));
  assert.deepEqual(byName, [
    { name: 'shape_events', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 65536 },
    { name: 'shapes', type: 'lru_hash', keySize: 8, valueSize: 36, maxEntries: 12 },
    { name: 'shapes.rodata', ...rodata },
    { name: 'sums', type: 'percpu_array', keySize: 4, valueSize: 8, maxEntries: 1 },
  ]);
});

rootTest('programs see the constants that were set', (context) => {
  const object = openTestObject(context, 'shapes');
  object.setConstant('enabled', true);
  object.setConstant('least_size', 100);
  object.load();
  using program = object.program('tell');
  using ring = object.ringBuffer(events);
  program.testRun({ packet });
  assert.deepEqual(ring.drain(), []);
  program.testRun({ packet: new Uint8Array(120) });
  assert.deepEqual(ring.drain(), [120]);
});

rootTest('a constant is checked, and cannot be set after the load', (context) => {
  const object = openTestObject(context, 'shapes');
  assert.throws(() => object.setConstant('least_size', 70_000), /70000 does not fit least_size/);
  assert.throws(() => object.setConstant('nothing', 1), /no constant nothing; it has: /);
  object.load();
  assert.throws(() => object.setConstant('least_size', 1), /the object is loaded: too late/);
});

rootTest('maps get the requested size and identity', (context) => {
  using existing = BpfMap.create(shapes);
  const object = openTestObject(context, 'shapes');
  object.reuseMap('shapes', existing.fd);
  object.setMaxEntries('shape_events', 1 << 17);
  object.load();
  using map = object.map(shapes);
  assert.equal(map.id, existing.id);
  assert.equal(object.maps.find(({ name }) => name === 'shape_events')?.maxEntries, 1 << 17);
});

rootTest('a map taken with the wrong codec is refused with the difference', (context) => {
  const object = loadTestObject(context, 'shapes');
  assert.throws(() => object.map({ ...shapes, value: u32 as never }), {
    message: 'bpf map open shapes: EINVAL (its value size is 36, expected 4)',
  });
  assert.throws(() => object.map({ ...shapes, name: 'forms' }), /no map forms; it has: .*shapes, /);
  assert.throws(() => object.program('tail'), /no program tail; it has: tell, look/);
});

rootTest('the verifier’s rejection shows where and why', (context) => {
  const object = openTestObject(context, 'rejected');
  assert.throws(
    () => object.load(),
    (error) => {
      assert.ok(error instanceof KernelError);
      assert.equal(error.call, 'bpf program load');
      assert.equal(error.subject, 'careless');
      assert.equal(error.code, 'EACCES');
      assert.match(
        error.message,
        /the verifier rejected it: invalid access to packet, off=40 size=1/,
      );
      assert.match(error.message, /\n {2}; return data\[40\]; @ rejected\.bpf\.c:\d+\n {2}\d+: \(/);
      assert.match(String(error.cause), /processed \d+ insns/);
      return true;
    },
  );
});

rootTest('an excluded program is not loaded', (context) => {
  const object = openTestObject(context, 'rejected');
  object.setAutoload('careless', false);
  object.load();
  assert.throws(() => object.program('careless'), /bpf object take program careless/);
});

rootTest('a section that only a newer libbpf supports loads anyway', (context) => {
  const object = loadTestObject(context, 'hooks');
  const listed = object.programs.find(({ name }) => name === 'add_four');
  assert.deepEqual(listed, { name: 'add_four', section: 'tcx/egress', type: 'sched_cls' });
  using program = object.program('add_four');
  assert.equal(program.testRun({ packet }).verdict, -1);
});

rootTest('a map that the kernel refuses to create is named', (context) => {
  const object = openTestObject(context, 'shapes');
  object.setMaxEntries('shapes', 0xffffffff);
  assert.throws(
    () => object.load(),
    /bpf object load map shapes: \w+ \(map 'shapes': failed to create/,
  );
});

rootTest(
  'bytes that are not a BPF object are refused with libbpf’s text, without printing it',
  () => {
    assert.throws(() => BpfObject.open(new Uint8Array(100), { name: 'junk' }), {
      message: /^bpf object open junk: EINVAL \(elf: .*not a proper ELF object\)$/,
    });
    assert.throws(
      () => BpfObject.open(readFileSync('/bin/true'), { name: 'true' }),
      /open true: EINVAL/,
    );
  },
);

rootTest('a program outlives its object through a pin', (context) => {
  const path = `${pinFolder(context)}/tell`;
  {
    const object = loadTestObject(context, 'shapes');
    using program = object.program('tell');
    program.pin(path);
    object[Symbol.dispose]();
  }
  using again = BpfProgram.openPinned(path);
  const { name, typeNumber, tag, verifiedInstructions } = again.info();
  assert.deepEqual([name, typeNumber, again.name], ['tell', 3, 'tell']);
  assert.ok(verifiedInstructions > 0 && verifiedInstructions < 1000, `${verifiedInstructions}`);
  assert.match(tag, /^[0-9a-f]{16}$/);
  using byId = BpfProgram.openById(again.info().id);
  assert.equal(byId.info().tag, tag);
  assert.throws(() => BpfProgram.openPinned(`${path}-not`), /bpf program open \S+: ENOENT/);
});
