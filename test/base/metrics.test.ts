/** The text format of Prometheus (0.0.4), and what a metric's numbers are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metrics } from '../../src/base/metrics.ts';

describe('metrics', () => {
  it('are text as Prometheus reads it', () => {
    const metrics = new Metrics();
    const counter = metrics.counter('things_total', 'Things that\nhappened \\ to us.');
    counter.add({ kind: 'a "quoted" \\ one\nof two lines' });
    counter.add({ kind: 'b' }, 2.5);
    metrics.gauge('level', 'Now.', () => 7);
    metrics.gauge('odd', 'Odd numbers.', () => [
      [{ is: 'no number' }, Number.NaN],
      [{ is: 'without end' }, Number.POSITIVE_INFINITY],
    ]);
    assert.equal(
      metrics.text(),
      [
        '# HELP things_total Things that\\nhappened \\\\ to us.',
        '# TYPE things_total counter',
        'things_total{kind="a \\"quoted\\" \\\\ one\\nof two lines"} 1',
        'things_total{kind="b"} 2.5',
        '# HELP level Now.',
        '# TYPE level gauge',
        'level 7',
        '# HELP odd Odd numbers.',
        '# TYPE odd gauge',
        'odd{is="no number"} NaN',
        'odd{is="without end"} +Inf',
        '',
      ].join('\n'),
    );
  });

  it('count how long things took in buckets that hold those below', () => {
    const metrics = new Metrics();
    const took = metrics.histogram('took_seconds', 'Took.', [0.1, 1]);
    for (const seconds of [0.05, 0.1]) took.observe({ of: 'x' }, seconds);
    const ofX = took.of({ of: 'x' });
    for (const seconds of [0.5, 3]) ofX(seconds);
    assert.deepEqual(metrics.text().split('\n').slice(2, -1), [
      'took_seconds_bucket{of="x",le="0.1"} 2',
      'took_seconds_bucket{of="x",le="1"} 3',
      'took_seconds_bucket{of="x",le="+Inf"} 4',
      'took_seconds_sum{of="x"} 3.65',
      'took_seconds_count{of="x"} 4',
    ]);
  });

  it('are bounded, whatever labels come', () => {
    const metrics = new Metrics();
    const counter = metrics.counter('flood_total', 'Flood.');
    for (let i = 0; i < 2000; i++) counter.add({ what: `${i}` });
    const lines = metrics.text().split('\n').slice(2, -1);
    assert.equal(lines.length, 501);
    assert.equal(lines.at(-1), 'flood_total{what="other"} 1500');
  });

  it('have a name once', () => {
    const metrics = new Metrics();
    metrics.gauge('level', 'Now.', () => 7);
    assert.throws(() => metrics.counter('level', 'Again.'), /two metrics level/);
  });
});
