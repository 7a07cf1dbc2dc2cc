import { expect } from 'chai';
import { managerName, validatePatchOptions } from './request-options.js';
import { failureOf } from './testing.js';

describe('options of a request', () => {
  it('needs a manager for an apply, and allows force for nothing else', () => {
    expect(failureOf(() => validatePatchOptions({ apply: true })).status).to.deep.include({
      code: 422,
      message:
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    });
    expect(failureOf(() => validatePatchOptions({ apply: false, force: true })).message).to.equal(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
    const long = failureOf(() => validatePatchOptions({ apply: true, fieldManager: 'x'.repeat(129) }));
    expect(long.message).to.contain('Too long: may not be more than 128 bytes');
    const bell = failureOf(() => validatePatchOptions({ apply: false, fieldManager: 'a\u0007' }));
    expect(bell.message).to.contain('should only contain printable characters');
    validatePatchOptions({ apply: true, fieldManager: 'kubectl', force: false });
  });

  it('names a manager after the program when the request does not', () => {
    expect(managerName('me', 'kubectl/v1.33')).to.equal('me');
    expect(managerName('', 'kubectl/v1.33 (linux/amd64)')).to.equal('kubectl');
    expect(managerName(undefined, 'a\tb/1')).to.equal('ab');
    expect(managerName(undefined, 'é'.repeat(100))).to.equal('é'.repeat(64));
    expect(managerName(undefined, undefined)).to.equal('');
  });
});
