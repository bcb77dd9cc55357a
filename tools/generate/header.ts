// The shared header as the compiler sees it: every include line is replaced with the included header.

/** Inserts each `#include "NAME"` once, at its first place; `read` returns the text of such a file. */
export function withIncludes(header: string, read: (name: string) => string): string {
  const done = new Set<string>();
  const expand = (text: string): string =>
    text.replaceAll(/^#include "([^"]+)"$/gm, (_, name: string) => {
      if (done.has(name)) return '';
      done.add(name);
      return expand(read(name));
    });
  return expand(header);
}
