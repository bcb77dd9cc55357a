import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  plural,
} from './units.ts';

test('sizes have three digits and a unit', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [12_400, '12.4 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1_100_000, '1.10 MB'],
    [7_000_000_000_000, '7.00 TB'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

test('durations have the two largest units', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [4.2, '4 ms'],
    [999, '999 ms'],
    [2560, '2.56 s'],
    [59_000, '59 s'],
    [200_000, '3 min 20 s'],
    [11_520_000, '3 h 12 min'],
    [1_051_200_000, '12 d 4 h'],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
});

test('ages are whole seconds, even if clocks disagree', () => {
  const cases: [number, string][] = [
    [-500, '0 s'],
    [400, '0 s'],
    [12_900, '12 s'],
    [70_000, '1 min 10 s'],
  ];
  for (const [ms, text] of cases) assert.equal(formatAge(ms), text);
});

test('counts are grouped and agree with their noun', () => {
  assert.equal(formatCount(262_144), '262,144');
  assert.equal(plural(1, 'pod'), '1 pod');
  assert.equal(plural(2, 'pod'), '2 pods');
});

test('a positive share is never 0 %', () => {
  const cases: [number, number, string][] = [
    [0, 10, '0 %'],
    [1, 1000, '<1 %'],
    [999, 1000, '99 %'],
    [10, 10, '100 %'],
    [0, 0, '0 %'],
  ];
  for (const [part, whole, text] of cases) assert.equal(formatPercent(part, whole), text);
});
