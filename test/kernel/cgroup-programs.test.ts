// Programs of other software at the cgroup that holds every pod, and at the kubelet's cgroup below it.

import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { CgroupPrograms } from '../../src/agent/node-facts/observed/cgroup-programs.ts';
import { attachCgroup } from '../../src/kernel/bpf/attach/cgroup.ts';
import { loadTestObject, testCgroup } from '../support/bpf.ts';
import { rootTest } from '../support/root-test.ts';

rootTest(
  'programs at the root and at the folder of pods are named, every half minute',
  (context) => {
    const root = testCgroup(context);
    const pods = `${root}/kubepods.slice`;
    mkdirSync(pods);
    try {
      let now = 0;
      const programs = new CgroupPrograms(
        root,
        () => false,
        () => now,
      );
      assert.deepEqual(programs.look(), []);
      using program = loadTestObject(context, 'hooks').program('refuse_connect');
      const attachType = 'cgroup_inet4_connect';
      using link = attachCgroup({ program, cgroup: root, attachType });
      using _below = attachCgroup({ program, cgroup: pods, attachType });
      now += 29_999;
      assert.deepEqual(programs.look(), []);
      now += 1;
      const what = `program refuse_connect (${link.info().programId})`;
      const expected = [root, pods].map((folder) => `inet4_connect of ${folder}: ${what}`);
      assert.deepEqual(programs.look(), expected);
    } finally {
      rmdirSync(pods);
    }
  },
);

rootTest('a missing or unknown folder has none', () => {
  assert.deepEqual(new CgroupPrograms('/sys/fs/cgroup/heddle-none').look(), []);
  assert.deepEqual(new CgroupPrograms(undefined).look(), []);
});
