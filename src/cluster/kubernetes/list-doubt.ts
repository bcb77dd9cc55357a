// When a full list is not believed the first time: it would take away what a healthy server hardly ever loses. What a
// watch says to be deleted is another matter: it is named one by one, and believed.

export interface ListFacts {
  /** Objects known before, and objects of the list. */
  readonly before: number;
  readonly now: number;
  /** Whether its version is older than one that the server has told before. */
  readonly isOlder: boolean;
  /** The name of an object that should be there and is not. */
  readonly missing?: string | undefined;
}

// Fewer may well go while nobody looks.
const manyObjects = 5;

/** In words, without the name of the resource; undefined where nothing is odd. */
export function listDoubt({ before, now, isOlder, missing }: ListFacts): string | undefined {
  if (isOlder) return 'the list is older than what the API server has told before';
  if (before > 0 && now === 0) return `the list is empty, and there were ${before}`;
  if (missing !== undefined) return `the list has ${now}, and ${missing} is not among them`;
  const isDrastic = before - now >= manyObjects && now < before / 2;
  return isDrastic ? `the list has ${now}, and there were ${before}` : undefined;
}
