// Problems as people read them.

export function textsOf(problems: readonly { readonly text: string }[]): string {
  return problems.map(({ text }) => text).join('\n');
}
