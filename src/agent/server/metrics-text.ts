// The text of /metrics, rendered at most once per second, however many request it: rendering takes as long as an ADD.

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

const keptMs = 1000;

/** Requests during a rendering, or within a second after its start, share it. */
export function keptMetrics(
  contentType: string,
  render: () => Promise<string>,
  now: () => number = () => performance.now(),
): () => Promise<MetricsText> {
  let rendering: Promise<MetricsText> | undefined;
  let until = 0;
  return () => {
    if (rendering !== undefined && now() < until) return rendering;
    const begun = render().then((text) => ({ contentType, text }));
    rendering = begun;
    // No other rendering starts while it runs.
    until = Number.POSITIVE_INFINITY;
    const ended = (): void => {
      until = now() + keptMs;
    };
    begun.then(ended, ended);
    return begun;
  };
}
