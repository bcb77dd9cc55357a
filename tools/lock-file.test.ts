import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

test('the lock file names the optional packages of every platform, or npm ci refuses it (tools/complete-lock.ts)', () => {
  const missing = Object.values(packages)
    .flatMap((owner) => Object.keys(owner.optionalDependencies ?? {}))
    .filter((name) => packages[`node_modules/${name}`] === undefined);
  assert.deepEqual(missing, []);
});

test('the lock file names no registry, so that any mirror serves it', () => {
  const bound = Object.keys(packages).filter((name) => packages[name]?.resolved !== undefined);
  assert.deepEqual(bound, []);
});
