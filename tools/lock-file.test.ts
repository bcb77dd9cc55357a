import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
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

test('every package of the lock file has a SHA-512, for every platform, so that no mirror can substitute another', () => {
  const without = Object.entries(packages)
    .filter(([path]) => path !== '')
    .filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''));
  assert.deepEqual(
    without.map(([path]) => path),
    [],
  );
});

test('no package runs a script on installation; those that have one work without it', () => {
  assert.match(readFileSync('.npmrc', 'utf8'), /^ignore-scripts=true$/m);
  const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  assert.deepEqual(
    scripted.map(([path]) => path),
    ['node_modules/koffi'],
  );
});
