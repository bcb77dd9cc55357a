// The image of `npm run image`: small, without compilers, and able to run its programs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { packageVersion } from '../../src/base/version.ts';
import { rootTest } from '../support/root-test.ts';

const bound = 250_000_000;

/** Everything of the image: its archive, and its root folder as a container sees it. */
let folder: string;
let archive: string;
let root: string;

before(() => {
  if (process.getuid?.() !== 0) return;
  folder = mkdtempSync(join(tmpdir(), 'heddle-test-image-'));
  archive = join(folder, 'heddle.tar');
  execFileSync('npm', ['run', '--silent', 'image', '--', '--output', archive], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  root = unpack(archive, join(folder, 'root'));
});

after(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

rootTest('the image is small enough for a node to fetch in seconds', () => {
  const { size } = statSync(archive);
  assert.ok(size < bound, `${size} bytes, more than ${bound}`);
});

rootTest('it is named after the version, and starts the agent', () => {
  const { tags, config } = describe(archive);
  assert.deepEqual(tags, [`localhost/heddle:${packageVersion()}`]);
  assert.deepEqual(config.Entrypoint, ['heddle']);
  assert.deepEqual(config.Cmd, ['agent', '--config', '/etc/heddle/config.yaml']);
});

rootTest('heddle runs in it', () => {
  const text = execFileSync('chroot', [root, '/usr/local/bin/heddle', 'version'], {
    encoding: 'utf8',
  });
  assert.match(text, new RegExp(`^heddle ${packageVersion()}, Node.js v\\d+`));
});

rootTest('the BPF object and the CNI executable are already built', () => {
  for (const file of ['bpf/datapath.bpf.o', 'shim/heddle-cni'])
    assert.ok(statSync(join(root, 'heddle/dist', file)).size > 0, file);
});

rootTest('nothing in it compiles, tests or type-checks', () => {
  const programs = ['usr/bin', 'usr/local/bin', 'usr/sbin'].flatMap((bin) =>
    readdirSync(join(root, bin)),
  );
  const compilers = programs.filter((name) =>
    /^(gcc|cc|g\+\+|clang|make|as|ld|tsc|npm)\b/.test(name),
  );
  assert.deepEqual(
    compilers.filter((name) => name !== 'ld.so'),
    [],
  );
  const packages = readdirSync(join(root, 'heddle/node_modules'));
  for (const name of ['typescript', 'knip', '@biomejs']) assert.ok(!packages.includes(name), name);
});

rootTest('its contents and its provenance are recorded next to it', () => {
  const read = (kind: string): string =>
    readFileSync(archive.replace(/\.tar$/, `.${kind}.json`), 'utf8');
  const { components } = JSON.parse(read('cdx')) as {
    components: { purl: string; hashes?: object }[];
  };
  for (const { purl, hashes } of components)
    assert.ok(purl.startsWith('pkg:deb/') || hashes !== undefined, purl);
  const purls = components.map(({ purl }) => purl);
  const installed = readdirSync(join(root, 'heddle/node_modules')).filter((name) =>
    /^\w/.test(name),
  );
  for (const name of installed)
    assert.ok(
      purls.some((purl) => purl.startsWith(`pkg:npm/${name}@`)),
      name,
    );
  for (const part of [/^pkg:deb\/debian\/libbpf1@/, /^pkg:generic\/node@\d+/])
    assert.ok(
      purls.some((purl) => part.test(purl)),
      String(part),
    );
  const statement = JSON.parse(read('provenance')) as {
    subject: { digest: { sha256: string } }[];
    predicateType: string;
  };
  const sum = createHash('sha256').update(readFileSync(archive)).digest('hex');
  assert.equal(statement.subject[0]?.digest.sha256, sum);
  assert.equal(statement.predicateType, 'https://slsa.dev/provenance/v1');
});

interface Description {
  readonly tags: readonly string[];
  readonly layers: readonly string[];
  readonly config: { readonly Entrypoint: readonly string[]; readonly Cmd: readonly string[] };
}

function describe(file: string): Description {
  const read = (name: string): string =>
    execFileSync('tar', ['-xOf', file, name], { encoding: 'utf8' });
  const [image] = JSON.parse(read('manifest.json')) as readonly {
    readonly Config: string;
    readonly RepoTags: readonly string[];
    readonly Layers: readonly string[];
  }[];
  assert.ok(image !== undefined);
  const { config } = JSON.parse(read(image.Config)) as Pick<Description, 'config'>;
  return { tags: image.RepoTags, layers: image.Layers, config };
}

/** The layers on top of each other, as a container runtime applies them. No layer of ours deletes a file of another. */
function unpack(file: string, into: string): string {
  execFileSync('mkdir', ['-p', into]);
  for (const layer of describe(file).layers) {
    const content = execFileSync('tar', ['-xOf', file, layer], { maxBuffer: 2 * bound });
    execFileSync('tar', ['-xf', '-', '-C', into, '--exclude=.wh.*'], { input: content });
  }
  assert.match(readFileSync(join(into, 'etc/os-release'), 'utf8'), /debian/);
  return into;
}
