import type { Taint } from '@flotilla/api';
import { expect } from 'chai';
import { planTaintTimes } from './cluster-rules.js';

describe('the time of a taint', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const now = '2026-01-01T00:00:00Z';
  const before = '2025-01-01T00:00:00Z';
  const taint = (timeAdded?: string | null, value = 'v'): Taint => ({
    key: 'team',
    value,
    effect: 'NoSelect',
    ...(timeAdded !== undefined && { timeAdded }),
  });
  const other: Taint = { key: 'other', effect: 'NoSelect' };

  const cases: { name: string; given: Taint; old?: readonly Taint[]; time: string | undefined }[] = [
    { name: 'is now at creation', given: taint(), time: now },
    { name: 'is now at creation, whatever is asked for', given: taint(before), time: now },
    { name: 'is now for a new taint', given: taint(), old: [other], time: now },
    { name: 'may not be chosen for a new taint', given: taint(before), old: [other], time: undefined },
    { name: 'stays', given: taint(before), old: [taint(before)], time: before },
    { name: 'stays when it is left out', given: taint(), old: [taint(before)], time: before },
    { name: 'stays when it is null', given: taint(null), old: [taint(before)], time: before },
    { name: 'may not be changed', given: taint(now), old: [taint(before)], time: undefined },
    { name: 'begins anew with another value', given: taint(undefined, 'w'), old: [taint(before)], time: now },
    { name: 'may not outlive the value', given: taint(before, 'w'), old: [taint(before)], time: undefined },
  ];
  for (const { name, given, old, time } of cases) {
    it(name, () => {
      const planned = planTaintTimes([given], { old, nowMs });
      expect(planned.refused).to.deep.equal(time === undefined ? ['team'] : []);
      if (time !== undefined) expect(planned.taints[0]?.timeAdded).to.equal(time);
    });
  }
});
