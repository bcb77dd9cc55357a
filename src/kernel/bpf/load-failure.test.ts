import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainLoadFailure, type LoadFailure } from './load-failure.ts';

const present = { probeProgramType: () => 1, probeMapType: () => 1 };
const nothing: LoadFailure = {
  code: 'EINVAL',
  log: [],
  verifierText: '',
  programTypes: [],
  mapTypes: [],
  library: present,
};

test('a rejection names the program and the verifier’s reason; the whole log is the cause', () => {
  const error = explainLoadFailure({
    ...nothing,
    code: 'EACCES',
    log: ["prog 'from_wire': BPF program load failed: Permission denied"],
    verifierText: '0: R1=ctx() R10=fp0\n; f(x);\n0: (85) call x#1\nR1 is wrong\nprocessed 1 insns',
  });
  assert.equal(
    error.message,
    'bpf program load from_wire: EACCES (the verifier rejected it: R1 is wrong\n  ; f(x);\n  0: (85) call x#1)',
  );
  assert.match(String(error.cause), /R1=ctx\(\) R10=fp0/);
});

test('a missing helper is named with its first kernel', () => {
  const message = (text: string) =>
    explainLoadFailure({
      ...nothing,
      log: ["prog 'p': BPF program load failed: Invalid argument"],
      verifierText: `0: (85) call unknown#155\n${text}`,
    }).message;
  assert.match(
    message('invalid func unknown#155'),
    /the helper bpf_redirect_peer needs Linux 5\.10/,
  );
  assert.match(message('unknown func bpf_loop#181'), /the helper bpf_loop needs Linux 5\.17/);
  assert.match(message('invalid func unknown#9999'), /no helper 9999 for this program type/);
});

test('a program or map type the kernel lacks is named with its first kernel', () => {
  const error = explainLoadFailure({
    ...nothing,
    log: ["map 'events': failed to create: Invalid argument(-22)"],
    programTypes: [30, 3, 30, 77],
    mapTypes: [1, 27],
    library: {
      probeProgramType: (type) => (type === 3 ? 1 : 0),
      probeMapType: (type) => (type === 27 ? 0 : 1),
    },
  });
  assert.equal(
    error.message,
    'bpf object load map events: EINVAL (the kernel has no program type sk_lookup (Linux 5.9 or later); ' +
      'the kernel has no program type 77; the kernel has no map type ringbuf (Linux 5.8 or later))',
  );
});

test('a missing kernel function is named', () => {
  const log = ["extern (func ksym) 'bpf_skb_ct_lookup': not found in kernel or module BTFs"];
  assert.match(
    explainLoadFailure({ ...nothing, log }).message,
    /the kernel function bpf_skb_ct_lookup is not in this kernel/,
  );
});

test('any other failure has libbpf’s text', () => {
  const said = "map 'big': failed to create: Cannot allocate memory(-12)";
  const log = ['Error in x(big). Retrying without BTF.', said, "failed to load object 'x'"];
  assert.equal(
    explainLoadFailure({ ...nothing, code: 'ENOMEM', log }).message,
    `bpf object load map big: ENOMEM (${said})`,
  );
});
