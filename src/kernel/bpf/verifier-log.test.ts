import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readVerifierLog } from './verifier-log.ts';

const rejected = `func#0 @0
0: R1=ctx() R10=fp0
; int sum = skb->len; @ bad.bpf.c:4
0: (61) r0 = *(u32 *)(r1 +0)          ; R0=scalar(smin=0,smax=umax=0xffffffff) R1=ctx()
; char *data = (char *)(long)skb->data; @ bad.bpf.c:5
1: (61) r1 = *(u32 *)(r1 +76)         ; R1=pkt(r=0)
; sum += data[40]; @ bad.bpf.c:6
2: (71) r1 = *(u8 *)(r1 +40)
invalid access to packet, off=40 size=1, R1(id=0,off=40,r=0)
R1 offset is outside of the packet
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

test('the verdict keeps the instructions and source lines, and drops register states and statistics', () => {
  assert.deepEqual(readVerifierLog(rejected), {
    message:
      'invalid access to packet, off=40 size=1, R1(id=0,off=40,r=0); R1 offset is outside of the packet',
    lines: [
      '; int sum = skb->len; @ bad.bpf.c:4',
      '0: (61) r0 = *(u32 *)(r1 +0)',
      '; char *data = (char *)(long)skb->data; @ bad.bpf.c:5',
      '1: (61) r1 = *(u32 *)(r1 +76)',
      '; sum += data[40]; @ bad.bpf.c:6',
      '2: (71) r1 = *(u8 *)(r1 +40)',
    ],
  });
});

test('for a long log the last instructions stay, with their source line', () => {
  const long = Array.from({ length: 500 }, (_, index) => [
    ...(index % 10 === 0 ? [`; line ${index}`] : []),
    `${index}: (bf) r1 = r2                    ; R1_w=scalar() R2_w=scalar()`,
    ...(index % 50 === 0 ? ['from 3 to 7: R0=1 R10=fp0', 'mark_precise: frame0: last_idx 4'] : []),
  ]).flat();
  const verdict = readVerifierLog([...long, 'R1 !read_ok', 'processed 500 insns'].join('\n'));
  assert.equal(verdict?.message, 'R1 !read_ok');
  assert.equal(verdict?.lines.at(-1), '499: (bf) r1 = r2');
  assert.deepEqual(verdict?.lines.slice(0, 2), ['492: (bf) r1 = r2', '493: (bf) r1 = r2']);
  assert.equal(verdict?.lines.length, 8);
});

test('a log without instructions is its own message', () => {
  assert.deepEqual(
    readVerifierLog('number of funcs in func_info does not match\nprocessed 0 insns'),
    {
      message: 'number of funcs in func_info does not match',
      lines: [],
    },
  );
});

test('an empty log has no verdict', () => {
  for (const log of ['', 'processed 0 insns (limit 1000000)\n']) {
    assert.equal(readVerifierLog(log), undefined);
  }
});
