// C names to TypeScript names.

/** `route_key` to `routeKey`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `route_key` to `RouteKey`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/** `spoofedMac` to `spoofed mac`. */
export function words(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/**
 * The longest `WORD_` sequence with which every name starts; empty if they share none or if one name would become
 * empty.
 */
export function commonPrefix(names: readonly string[]): string {
  const [first = '', ...rest] = names;
  const parts = first.split('_').slice(0, -1);
  while (parts.length > 0) {
    const prefix = `${parts.join('_')}_`;
    if (rest.every((name) => name.startsWith(prefix))) return prefix;
    parts.pop();
  }
  return '';
}
