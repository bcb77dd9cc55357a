// The display of slow steps: ` ok build kubelet (3 of 9) 12.4 s`, and on a terminal the running step with its seconds.

/** Receives finished and running steps: `running` replaces the line before it if that line was running too. */
export interface Progress {
  readonly running: (what: string, elapsedMs: number) => void;
  readonly done: (what: string, elapsedMs: number) => void;
}

/** For tests: silent unless something fails. */
export const silent: Progress = { running: () => undefined, done: () => undefined };

/** On standard error; without a terminal, a long step reports every 30 s that it still runs. */
export function printedProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let lastToldMs = 0;
  return {
    running: (what, elapsedMs) => {
      if (stream.isTTY) return void stream.write(`\r\x1b[K  ..  ${what}   ${seconds(elapsedMs)}`);
      if (elapsedMs < lastToldMs) lastToldMs = 0;
      const isFirst = elapsedMs >= 2000 && lastToldMs === 0;
      if (!isFirst && elapsedMs - lastToldMs < 30_000) return;
      lastToldMs = elapsedMs;
      stream.write(`  ..  ${what}\n`);
    },
    done: (what, elapsedMs) => {
      lastToldMs = 0;
      const start = stream.isTTY ? '\r\x1b[K' : '';
      stream.write(`${start}  ok  ${what}   ${seconds(elapsedMs)}\n`);
    },
  };
}

/** Runs `step` and reports its duration; a step that throws is reported only by its error. */
export async function timed<Result>(
  progress: Progress,
  what: string,
  step: () => Promise<Result>,
): Promise<Result> {
  const started = performance.now();
  const elapsed = (): number => performance.now() - started;
  progress.running(what, 0);
  const timer = setInterval(() => progress.running(what, elapsed()), 1000);
  try {
    const result = await step();
    progress.done(what, elapsed());
    return result;
  } finally {
    clearInterval(timer);
  }
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
