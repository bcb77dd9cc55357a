// Loaded into an agent by `node --import`: writes a processor profile into the folder HEDDLE_BENCH_PROFILE when it
// ends. It begins with the first request: earlier, the profiler's signals would interrupt the kernel's verification of
// the programs (EAGAIN).

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const firstRequest = 'http.client.request.start';

function begin(): void {
  unsubscribe(firstRequest, begin);
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  process.once('exit', () => {
    session.post('Profiler.stop', (error, { profile }) => {
      if (error !== null) throw error;
      const file = join(
        process.env['HEDDLE_BENCH_PROFILE'] ?? '',
        `agent-${process.pid}.cpuprofile`,
      );
      writeFileSync(file, JSON.stringify(profile));
    });
  });
}

subscribe(firstRequest, begin);
