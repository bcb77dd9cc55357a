// The header Retry-After: seconds, or a date (RFC 9110, section 10.2.3).

/**
 * How long the server asks us to wait, `longestMs` at most; undefined where it does not say it or says it wrongly.
 * @param date its header Date, by which a date of the other kind counts, whatever our own clock says
 */
export function retryAfterMs(
  header: string | undefined,
  { date, longestMs }: { readonly date?: string | undefined; readonly longestMs: number },
): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(longestMs, Number(text) * 1_000);
  // Other texts that Date.parse would take ("-1") are no dates to HTTP.
  if (!/^[A-Z][a-z]+,? /.test(text)) return undefined;
  const ms = Date.parse(text) - Date.parse(date ?? new Date().toUTCString());
  return Number.isFinite(ms) ? Math.min(longestMs, Math.max(0, ms)) : undefined;
}
