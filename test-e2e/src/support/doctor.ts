/** What a doctor says, and a clock that is wrong. */
import { expect } from 'chai';
import { type CommandName, ours, type Result } from './processes.js';

export interface Check {
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail' | 'skip';
  readonly message: string;
  readonly fix?: string;
}

export interface Diagnosis {
  readonly code: number | null;
  readonly checks: readonly Check[];
}

/** `clockAheadMs`: this process, and no other, sees another time. */
export async function examine(
  name: CommandName,
  args: readonly string[],
  { clockAheadMs = 0 }: { readonly clockAheadMs?: number } = {},
): Promise<Diagnosis> {
  const shift = `const now=Date.now;Date.now=()=>now()+${clockAheadMs}`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` };
  const result: Result = await ours(name, ['doctor', ...args, '-o', 'json'], { env });
  expect(result.stdout, result.stderr).to.match(/^\{/);
  const { checks } = JSON.parse(result.stdout) as { checks: Check[] };
  return { code: result.code, checks };
}

/** The check of that name has failed, says so, and how to mend it; the command ends with 1. */
export function expectFailure(diagnosis: Diagnosis, check: string, says: RegExp, fix: RegExp): void {
  const all = JSON.stringify(diagnosis.checks, null, 1);
  const found = diagnosis.checks.filter((each) => each.check === check && each.verdict === 'fail');
  expect(found.map(({ message }) => message).join('\n'), all).to.match(says);
  expect(found.map((each) => each.fix ?? '').join('\n'), all).to.match(fix);
  expect(diagnosis.code).to.equal(1);
}

/** A warning of that name says so; warnings alone are no failure. */
export function expectWarning(diagnosis: Diagnosis, check: string, says: RegExp, fix: RegExp): void {
  const all = JSON.stringify(diagnosis.checks, null, 1);
  const found = diagnosis.checks.filter((each) => each.check === check && each.verdict === 'warn');
  expect(found.map(({ message }) => message).join('\n'), all).to.match(says);
  expect(found.map((each) => each.fix ?? '').join('\n'), all).to.match(fix);
}
