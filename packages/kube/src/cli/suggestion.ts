/** "Did you mean": the known name that a mistyped one was probably to be. Pure. */

/** A sentence part such as `; did you mean "edge1"?`, or nothing when no name is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const ranked = known
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .filter(
      ({ name, distance }) => distance <= Math.max(1, Math.floor(Math.max(word.length, name.length) * 0.34)),
    )
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  const [first] = ranked;
  return first === undefined || first.distance === 0 ? '' : `; did you mean ${JSON.stringify(first.name)}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
