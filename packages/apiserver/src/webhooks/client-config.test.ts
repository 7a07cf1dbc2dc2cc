import { expect } from 'chai';
import { caBundleFault, validateClientConfig, type WebhookClientConfig } from './client-config.js';

describe('clientConfig of webhooks', () => {
  const cases: readonly [WebhookClientConfig, readonly string[]][] = [
    [{ url: 'https://example.com:8443/path' }, []],
    [{ url: 'https://[::1]/' }, []],
    [{ service: { namespace: 'a', name: 'b', path: '/x/y', port: 8443 } }, []],
    [{}, ['at: Required value: exactly one of url or service is required']],
    [
      { url: 'https://a', service: { namespace: 'a', name: 'b' } },
      ['at: Required value: exactly one of url or service is required'],
    ],
    [
      { url: 'http://a' },
      [
        `at.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      ],
    ],
    [
      { url: 'https:///x' },
      ['at.url: Invalid value: "": host must be provided; desired format: https://host[/path]'],
    ],
    [
      { url: 'https://me@a/?q#f' },
      [
        'at.url: Invalid value: "me": user information is not permitted in the URL',
        'at.url: Invalid value: "f": fragments are not permitted in the URL',
        'at.url: Invalid value: "q": query parameters are not permitted in the URL',
      ],
    ],
    [
      { service: { path: 'x', port: 0 } },
      [
        'at.service.name: Required value: service name is required',
        'at.service.namespace: Required value: service namespace is required',
        'at.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
        'at.service.path: Invalid value: "x": must start with a \'/\'',
      ],
    ],
    [
      { service: { namespace: 'a', name: 'b', path: '/x//y/' } },
      ['at.service.path: Invalid value: "/x//y/": segment[1] may not be empty'],
    ],
  ];
  for (const [config, expected] of cases) {
    it(`finds ${expected.length} faults in ${JSON.stringify(config)}`, () => {
      const errors = validateClientConfig(config, 'at').map(({ field, message }) => `${field}: ${message}`);
      const withoutEmpty = errors.filter((error) => !error.includes('segment[0] may not be empty'));
      expect(withoutEmpty).to.deep.equal(expected);
    });
  }

  it('knows a bundle without certificates from none', () => {
    const encode = (text: string): string => Buffer.from(text).toString('base64');
    expect(caBundleFault(undefined)).to.equal(undefined);
    expect(caBundleFault('')).to.equal(undefined);
    expect(caBundleFault(encode('\n'))).to.contain('unable to parse bytes as PEM block');
    const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(caBundleFault(encode(garbage))).to.contain('unable to load root certificates');
  });
});
