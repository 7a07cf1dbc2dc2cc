import { expect } from 'chai';
import { toWork, type WorkPlan } from '../items.js';
import type { Edition } from './editions.js';
import { type Change, type SeenWork, WorkModel } from './work-model.js';

const plan: WorkPlan = {
  cluster: 'c1',
  name: 'alpha',
  orphan: false,
  items: [{ kind: 'configmap', name: 'alpha-x', strategy: 'Update' }],
};
const edition = (n: number): Edition => ({ token: `alpha.${n}`, plan });
const apply = (n: number): Change => ({ do: 'apply', edition: edition(n) });
let versions = 0;

function seen(n: number, generation: number, more: Partial<SeenWork> = {}): SeenWork {
  const { spec } = toWork(plan, `alpha.${n}`);
  return {
    uid: 'u1',
    generation,
    isGoing: false,
    spec,
    label: undefined,
    isPlan: false,
    version: String(++versions),
    ...more,
  };
}

/** A work whose first edition was acknowledged. */
function made(): WorkModel {
  const work = new WorkModel();
  const change = apply(1);
  work.begin(change);
  expect(work.answered(change, seen(1, 1))).to.equal(undefined);
  return work;
}

function lose(work: WorkModel, change: Change): void {
  work.begin(change);
  work.lost(change);
}

const plan1 = seen(1, 1, { isPlan: true });

/** Deleted, perhaps made again, and whatever there was deleted again. */
function removedTwice(work: WorkModel): void {
  lose(work, { do: 'remove' });
  lose(work, apply(2));
  const change: Change = { do: 'remove' };
  work.begin(change);
  expect(work.answered(change)).to.equal(undefined);
}

function cleared(work: WorkModel): void {
  work.isBeingCleared = true;
}

describe('model of a work', () => {
  const looks: readonly {
    readonly what: string;
    readonly before: (work: WorkModel) => void;
    readonly seen: SeenWork | undefined;
    /** Part of what is wrong; undefined: nothing is. */
    readonly wrong?: RegExp;
  }[] = [
    { what: 'what was acknowledged', before: () => undefined, seen: seen(1, 1) },
    { what: 'nothing', before: () => undefined, seen: undefined, wrong: /has no such work/ },
    { what: 'another spec', before: () => undefined, seen: seen(2, 1), wrong: /as of alpha\.2/ },
    { what: 'another generation', before: () => undefined, seen: seen(1, 2), wrong: /generation 2/ },
    {
      what: 'another work of its name',
      before: () => undefined,
      seen: seen(1, 1, { uid: 'u2' }),
      wrong: /uid u2/,
    },
    {
      what: 'a label that nobody set',
      before: () => undefined,
      seen: seen(1, 1, { label: 'v1' }),
      wrong: /label v1/,
    },
    {
      what: 'a deletion that nobody asked for',
      before: () => undefined,
      seen: seen(1, 1, { isGoing: true }),
      wrong: /being deleted/,
    },
    {
      what: 'a spec with a field less',
      before: () => undefined,
      seen: seen(1, 1, { spec: { ...toWork(plan, 'alpha.1').spec, manifestConfigs: [] } }),
      wrong: /must have generation 1/,
    },
    {
      what: 'defaults of the server',
      before: () => undefined,
      seen: seen(1, 1, { spec: { ...toWork(plan, 'alpha.1').spec, executor: {} } }),
    },
    { what: 'the edit whose answer was lost', before: (work) => lose(work, apply(2)), seen: seen(2, 2) },
    { what: 'nothing of the edit that was lost', before: (work) => lose(work, apply(2)), seen: seen(1, 1) },
    {
      what: 'the second of two edits that were lost, both carried out',
      before: (work) => [2, 3].map((n) => lose(work, apply(n))),
      seen: seen(3, 3),
    },
    {
      what: 'the first of two edits after the second',
      before: (work) => [2, 3].map((n) => lose(work, apply(n))),
      seen: seen(2, 3),
      wrong: /alpha\.2/,
    },
    { what: 'the first one going', before: removedTwice, seen: seen(1, 1, { isGoing: true }) },
    { what: 'one after it going', before: removedTwice, seen: seen(2, 1, { uid: 'u2', isGoing: true }) },
    { what: 'neither, after both were removed', before: removedTwice, seen: undefined },
    { what: 'one that was to go', before: removedTwice, seen: seen(2, 2), wrong: /being deleted/ },
    {
      what: 'an edit that was refused',
      before: (work) => {
        const change = apply(2);
        work.begin(change);
        work.refused(change);
      },
      seen: seen(2, 2),
      wrong: /alpha\.2/,
    },
    { what: 'an edit that is under way', before: (work) => work.begin(apply(2)), seen: seen(2, 2) },
    {
      what: 'an edit that was lost too long ago',
      before: (work) => {
        lose(work, apply(2));
        work.settle();
      },
      seen: seen(2, 2),
      wrong: /alpha\.2/,
    },
    {
      what: 'nothing after a removal was lost',
      before: (work) => lose(work, { do: 'remove' }),
      seen: undefined,
    },
    {
      what: 'the work after a removal was lost',
      before: (work) => lose(work, { do: 'remove' }),
      seen: seen(1, 1),
    },
    {
      what: 'the label that was asked for',
      before: (work) => lose(work, { do: 'label', value: 'v1' }),
      seen: seen(1, 1, { label: 'v1' }),
    },
    {
      what: 'a new work after a removal and a creation were lost',
      before: (work) => [{ do: 'remove' } as const, apply(2)].map((each) => lose(work, each)),
      seen: seen(2, 1, { uid: 'u2' }),
    },
    {
      what: 'a new work with the uid of the old one',
      before: (work) => [{ do: 'remove' } as const, apply(2)].map((each) => lose(work, each)),
      seen: seen(2, 1),
      wrong: /uid u1/,
    },
    { what: 'a plan in place of what is applied', before: () => undefined, seen: plan1, wrong: /a plan/ },
    {
      what: 'a plan that what is applied was asked to become',
      before: (work) => lose(work, { do: 'apply', edition: { ...edition(2), isPlan: true } }),
      seen: seen(2, 2, { isPlan: true }),
      wrong: /alpha\.2, a plan/,
    },
    { what: 'the end of a work whose cluster is removed', before: cleared, seen: undefined },
    { what: 'a work that goes with its cluster', before: cleared, seen: seen(1, 1, { isGoing: true }) },
    { what: 'a work whose cluster is yet to go', before: cleared, seen: seen(1, 1) },
    {
      what: 'another generation of a work whose cluster is removed',
      before: cleared,
      seen: seen(1, 2),
      wrong: /generation 2/,
    },
    {
      what: 'a work that was made again while its cluster goes',
      before: (work) => {
        cleared(work);
        lose(work, apply(2));
      },
      seen: seen(2, 1, { uid: 'u2' }),
    },
    {
      what: 'no end of a work once its cluster is there again',
      before: (work) => {
        cleared(work);
        work.look(seen(1, 1));
        work.isBeingCleared = false;
      },
      seen: undefined,
      wrong: /no such work/,
    },
  ];
  for (const { what, before, seen: shown, wrong } of looks) {
    it(`${wrong === undefined ? 'takes' : 'refuses'} ${what}`, () => {
      const work = made();
      before(work);
      const said = work.look(shown);
      if (wrong === undefined) expect(said).to.equal(undefined);
      else expect(said).to.match(wrong);
    });
  }

  it('knows after a look what became of a request that was lost', () => {
    const work = made();
    lose(work, apply(2));
    expect(work.state).to.equal(undefined);
    expect(work.look(seen(2, 2))).to.equal(undefined);
    expect(work.state).to.include({ is: 'live', generation: 2 });
    expect(work.look(seen(1, 1))).to.match(/must have generation 2/);
  });

  it('holds an answer against what was acknowledged before', () => {
    const edit = apply(2);
    for (const [shown, wrong] of [
      [seen(2, 2), undefined],
      [seen(2, 1), /generation 1 as of/],
      [seen(2, 3), /generation 3 as of/],
      [seen(2, 2, { uid: 'u2' }), /uid u2/],
      [seen(1, 1), /as of alpha\.1/],
    ] as const) {
      const work = made();
      work.begin(edit);
      const said = work.answered(edit, shown);
      if (wrong === undefined) expect(said).to.equal(undefined);
      else expect(said).to.match(wrong);
    }
  });

  it('takes an answer with or without an edit in it whose own answer was lost', () => {
    for (const generation of [2, 3]) {
      const work = made();
      lose(work, apply(2));
      const edit = apply(3);
      work.begin(edit);
      expect(work.answered(edit, seen(3, generation))).to.equal(undefined);
      expect(work.generation('u1', 2)?.token).to.equal(generation === 2 ? 'alpha.3' : 'alpha.2');
    }
  });

  it('knows a plan from a work, and when it has become one', () => {
    const work = new WorkModel();
    const change: Change = { do: 'apply', edition: { ...edition(1), isPlan: true } };
    work.begin(change);
    expect(work.answered(change, seen(1, 1))).to.match(/must have generation 1 as of alpha\.1, a plan/);
    work.begin(change);
    expect(work.answered(change, plan1)).to.equal(undefined);
    lose(work, { do: 'carry out' });
    expect(work.look({ ...plan1, version: 'other' })).to.equal(undefined);
    expect(work.look(seen(1, 1))).to.equal(undefined);
    expect(work.look({ ...plan1, version: 'another' })).to.match(/a plan/);
  });

  it('says what an undo brings back, and that it is bound to what was read', () => {
    const work = made();
    const edit = apply(2);
    work.begin(edit);
    work.answered(edit, seen(2, 2));
    const back = work.generation('u1', 1) as Edition;
    for (const [from, shown, wrong] of [
      [2, seen(1, 3), undefined],
      [2, seen(2, 3), /alpha\.2/],
      [1, seen(1, 3), /must have generation 2/],
    ] as const) {
      const one = new WorkModel();
      one.restore(work.snapshot());
      const undo: Change = { do: 'undo', uid: 'u1', from, edition: back };
      one.begin(undo);
      const said = one.answered(undo, shown);
      if (wrong === undefined) expect(said).to.equal(undefined);
      else expect(said).to.match(wrong);
    }
  });

  it('lets a removed work be there until it is let go, whatever is done to it, but not come back', () => {
    const work = made();
    const remove: Change = { do: 'remove' };
    work.begin(remove);
    expect(work.answered(remove)).to.equal(undefined);
    expect(work.state).to.deep.equal({ is: 'going', uid: 'u1' });
    expect(work.look(seen(1, 2, { isGoing: true }))).to.equal(undefined);
    const edit = apply(2);
    work.begin(edit);
    expect(work.answered(edit, seen(2, 3, { isGoing: true }))).to.equal(undefined);
    expect(work.look(seen(2, 3))).to.match(/must have one that is being deleted/);
    expect(work.look(undefined)).to.equal(undefined);
    expect(work.look(seen(2, 3, { isGoing: true }))).to.match(/must have no such work/);
  });

  it('goes back with a hub that is restored, and takes no answer of the former one', () => {
    const work = made();
    const then = work.snapshot();
    const edit = apply(2);
    work.begin(edit);
    work.answered(edit, seen(2, 2));
    const late = apply(3);
    work.begin(late);
    work.restore(then);
    expect(work.answered(late, seen(3, 3))).to.equal(undefined);
    expect(work.look(seen(2, 2))).to.match(/alpha\.2/);
    expect(work.look(seen(3, 2))).to.equal(undefined);
    expect(work.generation('u1', 2)?.token).to.equal('alpha.3');
  });

  it('is not there on a hub that was restored from a time before it', () => {
    const work = made();
    work.restore(undefined);
    expect(work.look(undefined)).to.equal(undefined);
    expect(work.state).to.deep.equal({ is: 'absent' });
  });

  it('tells at once which of sixty lost edits were carried out, of all that may have been', () => {
    const work = made();
    for (let n = 2; n <= 61; n++) lose(work, apply(n));
    expect(work.look(seen(40, 20))).to.equal(undefined);
    expect(work.look(seen(39, 21))).to.match(/as of alpha\.39/);
    expect(work.look(seen(61, 41))).to.equal(undefined);
    expect(work.look(seen(61, 42))).to.match(/generation 42/);
  });

  it('takes all that was lost for carried out when a later removal is acknowledged', () => {
    const work = made();
    lose(work, { do: 'label', value: 'v1' });
    lose(work, apply(2));
    const removal: Change = { do: 'remove' };
    work.begin(removal);
    expect(work.answered(removal)).to.equal(undefined);
    expect(work.state).to.deep.equal({ is: 'going', uid: 'u1' });
  });
});
