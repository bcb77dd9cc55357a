// A folder in which the kernel lets this process change nothing, for every user that runs the test.

import { chmodSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const nobody = 65534;

/** Until it is disposed of. Meanwhile root has no more rights than any user; other folders can be changed. */
export function refuseChanges(folder: string): Disposable {
  const parent = dirname(folder);
  const before = [folder, parent].map((path) => ({ path, mode: statSync(path).mode & 0o7777 }));
  chmodSync(folder, 0o555);
  chmodSync(parent, 0o777);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  return {
    [Symbol.dispose]() {
      if (isRoot) process.seteuid?.(0);
      for (const { path, mode } of before) chmodSync(path, mode);
    },
  };
}
