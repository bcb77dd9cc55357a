// Loaded into an agent before its own code (`node --import`): it dies by SIGKILL at the moment named in
// HEDDLE_TEST_MOMENT. maps: some pinned maps are replaced, others not yet. hooks: all maps are replaced, and no program
// of an uplink or VXLAN device is.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { BpfLink } from '../../../src/kernel/bpf/link.ts';

const moment = process.env['HEDDLE_TEST_MOMENT'];

if (moment === 'maps') {
  const { renameSync } = fs;
  let replaced = 0;
  fs.renameSync = (from, to) => {
    if (String(from).endsWith('-new') && replaced++ === 2) process.kill(process.pid, 'SIGKILL');
    renameSync(from, to);
  };
  syncBuiltinESMExports();
}

if (moment === 'hooks') {
  BpfLink.prototype.update = () => {
    process.kill(process.pid, 'SIGKILL');
  };
}
