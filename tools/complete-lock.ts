// Completes package-lock.json where it was written against a registry mirror that lacks the packages of other platforms:
// `npm install` then leaves those optional packages out of the lock file, and `npm ci` refuses the file as out of sync. The
// hash of each package that has none is asked of the registry, by npm itself.
// Run after adding or updating a dependency: node dist/tools/complete-lock.js

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  readonly version?: string | undefined;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
  readonly dev?: boolean;
  readonly optional?: boolean;
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openharmony', 'openbsd', 'win32'];
const processors = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'x64',
];

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8')) as LockFile;
const missing = Object.values(lock.packages).flatMap((owner) =>
  Object.entries(owner.optionalDependencies ?? {})
    .filter(([name]) => lock.packages[`node_modules/${name}`] === undefined)
    .map(([name, version]): [string, LockedPackage] => [
      `node_modules/${name}`,
      { version, ...(owner.dev === true && { dev: true }), optional: true, ...platformOf(name) },
    ]),
);
const packages = Object.fromEntries(
  Object.entries({ ...lock.packages, ...Object.fromEntries(missing) }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  ),
);
const whole = Object.fromEntries(
  Object.entries(packages).map(([path, entry]) => [path, withIntegrity(path, entry)]),
);
writeFileSync(file, `${JSON.stringify({ ...lock, packages: whole }, undefined, 2)}\n`);
for (const [name, { version }] of missing) console.log(`added ${name} ${version}`);

/**
 * Reads the platform from the package's name: `@biomejs/cli-linux-arm64-musl`. Throws an Error if the name has none.
 */
function platformOf(name: string): LockedPackage {
  const words = name.split(/[-_/]/).map((word) => word.replace(/^(musl|gnu).*/, '$1'));
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  if (os.length === 0 || cpu.length === 0)
    throw new Error(`${name}: its name contains no platform: add it to ${file} manually`);
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [];
  return { cpu, os, ...(libc.length > 0 && { libc }) };
}

/**
 * Adds the hash in npm's usual place: behind the version. Throws an Error if the registry does not know the package, or
 * gives no SHA-512.
 */
function withIntegrity(path: string, entry: LockedPackage): LockedPackage {
  const { version, integrity, ...rest } = entry;
  if (path === '' || integrity !== undefined) return entry;
  const id = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
  const command = ['view', id, 'dist.integrity', '--loglevel=error'];
  const told = execFileSync('npm', command, { encoding: 'utf8' }).trim();
  if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(told)) throw new Error(`${id}: no SHA-512: ${told}`);
  console.log(`${id}: ${told}`);
  return { version, integrity: told, ...rest };
}
