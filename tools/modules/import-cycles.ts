// Finds circles of imports, including imports of types: modules that import each other cannot be read or moved
// separately. Pure.

import { join } from 'node:path/posix';
import type { SourceModule } from './read-module.ts';

/** One sentence per circle. After all reported circles are broken, none remain. */
export function importCycles(modules: readonly SourceModule[]): string[] {
  const graph = importGraph(modules);
  const found: string[] = [];
  for (;;) {
    removeAcyclic(graph);
    const [start] = graph.keys();
    if (start === undefined) return found;
    const cycle = followImports(graph, start);
    const [first = start, second = first] = cycle;
    found.push(`${first} imports itself in a circle: ${[...cycle, first].join(' -> ')}`);
    graph.get(first)?.delete(second);
  }
}

type Graph = Map<string, Set<string>>;

function importGraph(modules: readonly SourceModule[]): Graph {
  return new Map(
    modules.map(({ path, imports }) => {
      const relative = imports.flatMap(({ specifier }) =>
        specifier?.startsWith('.') === true ? join(path, '..', specifier) : [],
      );
      return [path, new Set(relative)];
    }),
  );
}

/** Removes every module that leads to no circle. */
function removeAcyclic(graph: Graph): void {
  let before: number;
  do {
    before = graph.size;
    for (const [path, imports] of graph) {
      for (const imported of imports) if (!graph.has(imported)) imports.delete(imported);
      if (imports.size === 0) graph.delete(path);
    }
  } while (graph.size < before);
}

/**
 * Follows the first import of each module until a module repeats. Every module of the graph imports another module of
 * the graph.
 */
function followImports(graph: Graph, start: string): readonly string[] {
  const walked: string[] = [];
  let path = start;
  while (!walked.includes(path)) {
    walked.push(path);
    [path = start] = graph.get(path) ?? [];
  }
  return walked.slice(walked.indexOf(path));
}
