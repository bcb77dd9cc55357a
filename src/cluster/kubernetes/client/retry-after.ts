// The header Retry-After: seconds, or a date (RFC 9110, section 10.2.3).

/**
 * How long the server asks the client to wait, at most `longestMs`; undefined if the header is absent or invalid.
 * @param date the answer's header Date. A Retry-After date is relative to it, whatever the local clock is.
 */
export function retryAfterMs(
  header: string | undefined,
  { date, longestMs }: { readonly date?: string | undefined; readonly longestMs: number },
): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(longestMs, Number(text) * 1_000);
  // Other texts that Date.parse would accept ("-1") are not HTTP dates.
  if (!/^[A-Z][a-z]+,? /.test(text)) return undefined;
  const ms = Date.parse(text) - Date.parse(date ?? new Date().toUTCString());
  return Number.isFinite(ms) ? Math.min(longestMs, Math.max(0, ms)) : undefined;
}
