import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drop, outcome, request } from '../../../../test/support/walked-rules.ts';

test('rules of iptables-nft are evaluated by the contents of their extensions', () => {
  const conntrack = (state: number, isInverted = false): Buffer => {
    const info = Buffer.alloc(168);
    info.writeUInt16LE(1, 146);
    info.writeUInt16LE(isInverted ? 1 : 0, 148);
    info.writeUInt16LE(state, 150);
    return info;
  };
  const ports = Buffer.alloc(48);
  ports.set([1, 2]);
  ports.writeUInt16LE(400, 2);
  ports.writeUInt16LE(500, 4);
  ports.set([1], 32);
  const noTrack = Buffer.from([1, 0, 0, 0]);
  for (const [name, revision, info, kind, expected] of [
    ['conntrack', 3, conntrack(0b110), 'match', 'passes'],
    ['conntrack', 3, conntrack(0b110, true), 'match', 'drops by rule 1'],
    ['conntrack', 3, conntrack(0b1000), 'match', 'drops by rule 1'],
    ['conntrack', 1, conntrack(0b1000), 'match', 'may drop by rule 1: -m conntrack drop'],
    ['state', 0, Buffer.from([8, 0, 0, 0]), 'match', 'drops by rule 1'],
    ['multiport', 1, ports, 'match', 'drops by rule 1'],
    ['comment', 0, Buffer.alloc(0), 'match', 'drops by rule 1'],
    ['physdev', 0, Buffer.alloc(0), 'match', 'passes'],
    ['addrtype', 1, Buffer.from([0, 0, 4, 0, 0, 0, 0, 0]), 'match', 'passes'],
    ['addrtype', 1, Buffer.from([0, 0, 4, 0, 2, 0, 0, 0]), 'match', 'drops by rule 1'],
    [
      'addrtype',
      1,
      Buffer.from([0, 0, 2, 0, 4, 0, 0, 0]),
      'match',
      'may drop by rule 1: -m addrtype drop',
    ],
    ['set', 4, Buffer.alloc(16), 'match', 'may drop by rule 1: -m set drop'],
    ['ttl', 0, Buffer.from([2, 65]), 'match', 'drops by rule 1'],
    ['ttl', 0, Buffer.from([0, 1]), 'match', 'passes'],
    ['hl', 0, Buffer.from([2, 65]), 'match', 'passes'],
    ['length', 0, Buffer.from([0, 0, 255, 255, 0, 0]), 'match', 'drops by rule 1'],
    [
      'length',
      0,
      Buffer.from([0, 4, 255, 255, 0, 0]),
      'match',
      'may drop by rule 1: -m length drop',
    ],
    ['mark', 1, Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), 'match', 'passes'],
    ['connmark', 1, Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]), 'match', 'drops by rule 1'],
    [
      'tcp',
      0,
      Buffer.from([0, 0, 255, 255, 187, 1, 187, 1, 0, 23, 2, 0]),
      'match',
      'drops by rule 1',
    ],
    ['tcp', 0, Buffer.from([0, 0, 255, 255, 187, 1, 187, 1, 0, 23, 2, 4]), 'match', 'passes'],
    ['tcp', 0, Buffer.from([0, 0, 255, 255, 80, 0, 80, 0, 0, 0, 0, 0]), 'match', 'passes'],
    ['udp', 0, Buffer.from([0, 0, 255, 255, 0, 0, 255, 255, 0, 0]), 'match', 'passes'],
    ['icmp', 0, Buffer.from([255, 0, 255, 0]), 'match', 'passes'],
    ['rpfilter', 0, Buffer.from([8]), 'match', 'passes'],
    ['owner', 1, Buffer.from([...Array(16).fill(0), 1, 1]), 'match', 'passes'],
    ['rt', 0, Buffer.alloc(300), 'match', 'passes'],
    ['LOG', 0, Buffer.alloc(0), 'target', 'drops by rule 1'],
    ['CT', 2, noTrack, 'target', 'drops by rule 1, takes them out of connection tracking'],
  ] as const) {
    const xtables = new Map([[1, [{ kind, name, revision, info }]]]);
    const rules = [[{ xt: { type: kind, name } }, drop]];
    assert.equal(
      outcome({ rules, chains: {}, policy: 'accept' }, request, xtables),
      expected,
      name,
    );
  }
});
