// Formats figures for people: grouped digits, sizes and times with units.

/** `262,144` */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 pod`, `2 pods` */
export function plural(value: number, noun: string): string {
  return `${formatCount(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Powers of 1000, three significant digits: `999 B`, `12.4 kB`, `1.10 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 'B';
  for (const next of units) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value.toPrecision(3)} ${unit}`;
}

/** Powers of 1000: `10 Mbit/s`, `1.5 Gbit/s`. */
export function formatBitRate(bitsPerSecond: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
  let value = bitsPerSecond;
  let index = 0;
  for (; value >= 1000 && index < units.length - 1; index++) value /= 1000;
  return `${Number(value.toPrecision(4))} ${units[index]}`;
}

/** `4 ms`, `2.56 s`, `3 min 20 s`, `3 h 12 min`, `12 d 4 h` */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toPrecision(3))} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Whole seconds below a minute: an age of `0.42 s` would suggest a precision it does not have. */
export function formatAge(ms: number): string {
  return formatDuration(ms < 60_000 ? Math.max(0, Math.floor(ms / 1000)) * 1000 || 0 : ms).replace(
    '0 ms',
    '0 s',
  );
}

/** `12:01:07.214`, in the local time zone. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`;
}

/** Share of a whole. A positive share that rounds to zero is `<1 %`. */
export function formatPercent(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100;
  return percent > 0 && percent < 1 ? '<1 %' : `${Math.floor(percent)} %`;
}
