import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPorts, parsePorts } from './port-set.ts';
import { type AddedPorts, type ReservedPortsAccess, reservePorts } from './reserved-ports.ts';

interface Node extends ReservedPortsAccess, AddedPorts {
  value: string;
  writes: number;
}

function node(value: string): Node {
  const memory = new Map<string, string>();
  return {
    value,
    writes: 0,
    read() {
      return this.value;
    },
    write(text) {
      this.value = text;
      this.writes++;
    },
    remember: (name, text) => void memory.set(name, text),
    recall: (name) => memory.get(name),
    forget: (name) => void memory.delete(name),
    keep: () => undefined,
  };
}

test('the range joins the ports that are there, and alone is removed again', () => {
  const at = node('8080,9000-9002');
  assert.equal(reservePorts('30000-32767', at, at), undefined);
  assert.equal(at.value, '8080,9000-9002,30000-32767');
  reservePorts('30000-32767', at, at);
  assert.equal(at.writes, 1);
  reservePorts(undefined, at, at);
  assert.equal(at.value, '8080,9000-9002');
  reservePorts(undefined, at, at);
  assert.equal(at.writes, 2);
});

test('ports of the range that were reserved before stay', () => {
  const at = node('30100-30200');
  reservePorts('30000-32767', at, at);
  assert.equal(at.value, '30000-32767');
  reservePorts(undefined, at, at);
  assert.equal(at.value, '30100-30200');
});

test('what another program adds or writes anew is kept', () => {
  const at = node('');
  reservePorts('30000-30009', at, at);
  at.value = '8080,30000-30009';
  reservePorts('30000-30009', at, at);
  assert.equal(at.writes, 1);
  at.value = '8080,30003';
  reservePorts('30000-30009', at, at);
  assert.equal(at.value, '8080,30000-30009');
  reservePorts(undefined, at, at);
  assert.equal(at.value, '8080,30003');
});

test('another range replaces the former one', () => {
  const at = node('30005');
  reservePorts('30000-30009', at, at);
  reservePorts('30008-30011', at, at);
  assert.equal(at.value, '30005,30008-30011');
  reservePorts(undefined, at, at);
  assert.equal(at.value, '30005');
});

test('a refused write is a sentence, and tried again', () => {
  const at = node('');
  const refuses = {
    read: () => '',
    write: () => {
      throw new Error('sysctl write net/ipv4/ip_local_reserved_ports: EROFS');
    },
  };
  assert.match(
    reservePorts('30000-30009', at, refuses) ?? '',
    /^services.nodePortRange: 30000-30009: .*EROFS; processes of the node may be given these ports$/,
  );
  assert.equal(reservePorts('30000-30009', at, at), undefined);
  assert.equal(at.value, '30000-30009');
});

test('ports are read as the kernel writes them', () => {
  for (const text of ['', '1', '1,3', '1-3,65535', '8080,30000-32767'])
    assert.equal(formatPorts(parsePorts(text)), text);
  assert.equal(formatPorts(parsePorts('x, 5 ,4-,7')), '5,7');
});
