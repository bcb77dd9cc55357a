// Listens like an agent and then never returns to its event loop: with the path of a FIFO because the kernel keeps it
// waiting until another process opens that, without one because it computes.
//
//   unanswering SOCKET [FIFO]

import { createServer } from 'node:net';
import koffi from 'koffi';

const [socket = '', fifo] = process.argv.slice(2);

createServer().listen(socket, () => {
  if (fifo !== undefined) waitInKernel(fifo);
  for (;;);
});

/** Starts a child that opens the FIFO before it executes a program; until then its parent is suspended (vfork). */
function waitInKernel(path: string): void {
  const libc = koffi.load('libc.so.6');
  const init = libc.func('int posix_spawn_file_actions_init(void *)');
  const addOpen = libc.func('int posix_spawn_file_actions_addopen(void *, int, str, int, uint)');
  const spawn = libc.func('int posix_spawn(void *, str, void *, void *, void *, void *)');
  // More than sizeof(posix_spawn_file_actions_t).
  const actions = Buffer.alloc(128);
  const noWords = Buffer.alloc(8);
  init(actions);
  addOpen(actions, 0, path, 0, 0);
  spawn(Buffer.alloc(4), '/bin/true', actions, null, noWords, noWords);
}
