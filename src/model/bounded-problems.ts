// Keeps what is wrong readable: what a thousand nodes have in common takes a few lines, not a thousand.

import type { ModelProblem } from './desired.ts';

/** Of as many alike as this each is told; of more the first, and how many more there are. */
const toldEach = 3;

/** In the order in which they come; how many more there are stands last. */
export function boundedProblems(problems: readonly ModelProblem[]): readonly ModelProblem[] {
  const counts = new Map<string, number>();
  const told = problems.filter(({ text, alike = text }) => {
    const count = (counts.get(alike) ?? 0) + 1;
    counts.set(alike, count);
    return count <= toldEach;
  });
  const more = [...counts].flatMap(([text, count]) =>
    count > toldEach ? [{ object: `${count - toldEach} more`, text }] : [],
  );
  return [...told, ...more];
}
