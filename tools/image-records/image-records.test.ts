import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { debianComponents } from './debian-components.ts';
import { lockedHashes, withHash } from './locked-hashes.ts';
import { provenance } from './provenance.ts';

const status = `Package: libstdc++6
Status: install ok installed
Architecture: amd64
Description: a library
 Package: not a field
Version: 12.2.0-14+deb12u1

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
`;

test('every installed Debian package is a component with its version, and no other', () => {
  assert.deepEqual(
    debianComponents(status).map(({ purl }) => purl),
    [
      'pkg:deb/debian/adduser@3.134?arch=all',
      'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64',
    ],
  );
});

test('an image without Debian packages is refused', () => {
  assert.throws(() => debianComponents(''), /no Debian packages/);
});

test('the provenance names commit, base images and inputs by their hashes', () => {
  const statement = JSON.stringify(
    provenance({
      tag: 'localhost/heddle:1',
      archiveSha256: 'a1',
      commit: 'c0ffee',
      isDirty: true,
      inputs: { 'package-lock.json': 'b2' },
      images: [{ name: 'debian@sha256:d3', digest: 'sha256:d3' }],
      tools: { buildah: '1.28' },
      startedOn: '2026-03-01T12:00:00Z',
      finishedOn: '2026-03-01T12:01:00Z',
    }),
  );
  for (const part of [
    '"subject":[{"name":"localhost/heddle:1","digest":{"sha256":"a1"}}]',
    '"digest":{"gitCommit":"c0ffee"}',
    '{"name":"debian@sha256:d3","digest":{"sha256":"d3"}}',
    '{"name":"package-lock.json","digest":{"sha256":"b2"}}',
    '"uncommittedChanges":true',
  ])
    assert.ok(statement.includes(part), part);
});

test('the image is built on bases named by a digest, or built here', () => {
  const dockerfile = readFileSync('deploy/Dockerfile', 'utf8');
  assert.doesNotMatch(dockerfile, /^(ARG \w+=|FROM )[\w./-]+:[\w.-]+/m, 'no base image by tag');
  assert.match(dockerfile, /\*@sha256:\*/);
});

test('a base image named by tag is refused before anything is built', () => {
  for (const option of ['--base', '--node']) {
    const { status, stderr } = spawnSync('bash', ['scripts/image', option, 'debian:bookworm'], {
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /debian:bookworm: name the image by its digest/);
  }
});

test('an npm package has the hash of the lock file, and one that is missing there is refused', () => {
  const integrity = `sha512-${Buffer.alloc(64, 1).toString('base64')}`;
  const packages = { 'node_modules/a/node_modules/@x/b': { version: '1.0.0', integrity } };
  const hashes = lockedHashes(JSON.stringify({ packages }));
  const content = '01'.repeat(64);
  assert.deepEqual(withHash({ name: '@x/b', version: '1.0.0' }, hashes).hashes, [
    { alg: 'SHA-512', content },
  ]);
  assert.throws(() => withHash({ name: '@x/b', version: '1.0.1' }, hashes), /not in the lock file/);
});
