// Finds names that several modules export: such a name cannot be searched for, and only its imports show which one is
// meant. Pure.

import type { SourceModule } from './read-module.ts';

/** One sentence for each such name, with the modules that export it. */
export function repeatedNames(modules: readonly SourceModule[]): string[] {
  const exporters = new Map<string, string[]>();
  for (const { path, exportedNames } of modules)
    for (const name of exportedNames) exporters.set(name, [...(exporters.get(name) ?? []), path]);
  return [...exporters]
    .filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => `${paths.length} modules export ${name}: ${paths.join(', ')}`);
}
