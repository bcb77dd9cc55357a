import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { configurationsBefore } from './conflicts.ts';

const own = { file: '05-heddle.conflist', network: 'heddle', plugin: 'heddle' };

interface Case {
  readonly name: string;
  /** Content by name; objects as JSON. */
  readonly files: Readonly<Record<string, object | string>>;
  readonly conflicts?: readonly string[];
  readonly unloadable?: readonly string[];
}

const bridge = { cniVersion: '0.4.0', name: 'mynet', type: 'bridge' };
const flannel = {
  cniVersion: '0.3.1',
  name: 'cbr0',
  plugins: [{ type: 'flannel', delegate: { isDefaultGateway: true } }, { type: 'portmap' }],
};
const heddle = { cniVersion: '1.0.0', name: 'heddle', plugins: [{ type: 'heddle' }] };
const multus = { cniVersion: '0.3.1', name: 'multus-cni-network', type: 'multus' };
const shim = { ...multus, type: 'multus-shim', logLevel: 'verbose' };

const cases: readonly Case[] = [
  { name: 'another plugin', files: { '04-a.conf': bridge }, conflicts: ['04-a.conf'] },
  { name: 'a foreign list', files: { '04-a.conflist': flannel }, conflicts: ['04-a.conflist'] },
  {
    name: 'a hidden file, which libcni loads',
    files: { '.a.conf': bridge },
    conflicts: ['.a.conf'],
  },
  {
    name: "a file after heddle's",
    files: { '05-heddle.conflist.json': bridge, '10-a.conf': bridge },
  },
  {
    name: 'backups and what has another extension',
    files: {
      '00-a.conf.bak': bridge,
      '00-a.conflist~': bridge,
      '00-a.conflist.rpmsave': bridge,
      '.00-a.conflist.swp': 'b0VIM',
      '00-a.CONF': bridge,
      '00-conf': bridge,
      'README.md': 'x',
    },
  },
  {
    name: 'what no runtime can load',
    files: {
      '00-a.conf': '',
      '00-b.conflist': '{"name": "a"',
      '00-c.conf': '[]',
      '00-d.conflist': { name: 'a', plugins: [] },
      '00-e.conflist': { plugins: [{ type: 'bridge' }] },
      '00-f.conflist': { name: 'a', plugins: [{ bridge: 'x' }] },
      '00-g.conf': flannel,
      '00-h.json': { type: '' },
    },
    unloadable: [
      ...['00-a.conf', '00-b.conflist', '00-c.conf', '00-d.conflist'],
      ...['00-e.conflist', '00-f.conflist', '00-g.conf', '00-h.json'],
    ],
  },
  {
    name: 'one behind what cannot be loaded',
    files: { '00-a.conf': 'x', '01-b.conf': bridge },
    conflicts: ['01-b.conf'],
    unloadable: ['00-a.conf'],
  },
  {
    name: 'a chain with heddle, which keeps all behind it from being used',
    files: {
      '00-a.conflist': { name: 'a', plugins: [{ type: 'heddle' }, { type: 'tuning' }] },
      '01-b.conf': bridge,
    },
  },
  { name: 'a single heddle', files: { '00-a.conf': { type: 'heddle', name: 'x' } } },
  {
    name: 'Multus with heddle inside',
    files: { '00-multus.conf': { ...multus, delegates: [heddle] } },
  },
  {
    name: 'Multus with heddle as a single configuration inside',
    files: { '00-multus.conf': { ...multus, delegates: [{ type: 'heddle' }, bridge] } },
  },
  {
    name: 'Multus with another network inside, and heddle as a second interface',
    files: { '00-multus.conf': { ...multus, delegates: [flannel, heddle] } },
    conflicts: ['00-multus.conf'],
  },
  {
    name: "Multus that names heddle's",
    files: { '00-multus.conf': { ...multus, delegates: [{ name: 'heddle' }] } },
  },
  {
    name: 'Multus with a readiness file alone',
    files: { '00-multus.conf': { ...multus, readinessindicatorfile: '/run/heddle/ready' } },
  },
  {
    name: 'the thick Multus that names our file as its container has it',
    files: {
      '00-multus.conf': { ...shim, clusterNetwork: '/host/etc/cni/net.d/05-heddle.conflist' },
      '01-b.conf': bridge,
    },
  },
  {
    name: 'the thick Multus that names the file of another',
    files: {
      '00-multus.conf': { ...shim, clusterNetwork: '/host/etc/cni/net.d/10-flannel.conflist' },
      '10-flannel.conflist': flannel,
    },
    conflicts: ['00-multus.conf'],
  },
  {
    name: 'the thick Multus that names an object of the API server',
    files: { '00-multus.conf': { ...shim, clusterNetwork: 'kube-system/default' } },
  },
  { name: 'the thick Multus with nothing', files: { '00-multus.conf': shim } },
  {
    name: "Multus that takes the next one, which is not heddle's",
    files: { '00-multus.conf': shim, '04-flannel.conflist': flannel },
    conflicts: ['04-flannel.conflist'],
  },
  {
    name: 'Multus in a list',
    files: {
      '00-m.conflist': {
        name: 'm',
        plugins: [{ ...multus, delegates: [heddle] }, { type: 'tuning' }],
      },
    },
  },
  {
    name: 'Genie and Danm',
    files: { '00-genie.conf': { type: 'genie' }, '01-danm.conf': { type: 'danm' } },
  },
  {
    name: 'a meta-plugin that names itself',
    files: { '00-m.conf': { ...shim, clusterNetwork: '/etc/cni/net.d/00-m.conf' } },
  },
];

for (const { name, files, conflicts = [], unloadable = [] } of cases) {
  test(`${conflicts.length > 0 ? 'a conflict' : 'no conflict'}: ${name}`, () => {
    inFolder((folder) => {
      for (const [file, content] of Object.entries(files)) {
        const text = typeof content === 'string' ? content : JSON.stringify(content);
        writeFileSync(path.join(folder, file), text);
      }
      assert.deepEqual(namesOf(folder), { conflicts, unloadable });
    });
  });
}

test('folders are not configurations; pipes, dangling links and unreadable files are not opened', () => {
  inFolder((folder) => {
    mkdirSync(path.join(folder, '00-folder.conf'));
    execFileSync('/usr/bin/mkfifo', [path.join(folder, '01-pipe.conf')]);
    symlinkSync('nowhere', path.join(folder, '02-dangling.conf'));
    symlinkSync('/dev/zero', path.join(folder, '03-device.conf'));
    writeFileSync(path.join(folder, 'real'), JSON.stringify(bridge));
    symlinkSync('real', path.join(folder, '04-link.conf'));
    assert.deepEqual(namesOf(folder), {
      conflicts: ['04-link.conf'],
      unloadable: ['01-pipe.conf', '02-dangling.conf', '03-device.conf'],
    });
  });
});

test('a missing folder is empty', () => {
  assert.deepEqual(configurationsBefore('/nowhere/at/all', own), { conflicts: [], unloadable: [] });
});

function namesOf(folder: string): object {
  const { conflicts, unloadable } = configurationsBefore(folder, own);
  const names = (files: readonly string[]): readonly string[] =>
    files.map((file) => path.basename(file));
  return { conflicts: names(conflicts), unloadable: names(unloadable) };
}

function inFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'heddle-conflicts-'));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
