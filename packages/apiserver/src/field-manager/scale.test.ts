import { expect } from 'chai';
import { fromScaleEntries, toScaleEntries } from './scale.js';
import { timeOf, WidgetHistory, widget, widgetVersion } from './testing.js';

describe('ownership through scale', () => {
  const replicasPath = '.spec.replicas';
  const parent = new WidgetHistory()
    .apply('a', widget({ spec: { replicas: 1, paused: true } }))
    .put('b', widget({ spec: { replicas: 1, paused: true, tags: [] } })).entries;

  it('shows the owner of the replicas in the terms of Scale', () => {
    const shown = toScaleEntries(parent, { replicasPath });
    expect(shown.map((entry) => [entry.manager, entry.apiVersion, entry.fieldsV1])).to.deep.equal([
      ['a', 'autoscaling/v1', { 'f:spec': { 'f:replicas': {} } }],
    ]);
    expect(fromScaleEntries(shown, { parent, apiVersion: widgetVersion, replicasPath })).to.deep.equal(
      parent,
    );
  });

  it('moves the replicas to whoever took them', () => {
    const scale = [
      {
        manager: 'hpa',
        operation: 'Apply' as const,
        apiVersion: 'autoscaling/v1',
        time: timeOf(9),
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
        subresource: 'scale',
      },
    ];
    const after = fromScaleEntries(scale, { parent, apiVersion: widgetVersion, replicasPath });
    expect(after.map((entry) => [entry.manager, entry.apiVersion, entry.fieldsV1])).to.deep.equal([
      ['a', widgetVersion, { 'f:spec': { 'f:paused': {} } }],
      ['hpa', widgetVersion, { 'f:spec': { 'f:replicas': {} } }],
      ['b', widgetVersion, { 'f:spec': { 'f:tags': {} } }],
    ]);
  });
});
