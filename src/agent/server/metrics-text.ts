// The text of /metrics, rendered at most once a second, however many ask for it: a rendering takes as long as an ADD.

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

const keptMs = 1000;

/** Those who ask while a text is rendered, or within a second from then on, share it. */
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
    // While it is under way nobody begins another.
    until = Number.POSITIVE_INFINITY;
    const ended = (): void => {
      until = now() + keptMs;
    };
    begun.then(ended, ended);
    return begun;
  };
}
