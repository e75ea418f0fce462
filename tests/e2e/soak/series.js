/** Samples of gauges over time: how they moved, and which of them grew. */

/** Two quarters are compared that both lie behind the start: the second and the last. */
export function quarters(values) {
  const quarter = Math.floor(values.length / 4);
  return { second: median(values.slice(quarter, 2 * quarter)), last: median(values.slice(-quarter)) };
}

/** By how much it moves in an hour: the slope of least squares over the second half. `times` are milliseconds. */
export function slopePerHour(times, values) {
  const from = Math.floor(values.length / 2);
  const [x, y] = [times.slice(from).map((ms) => ms / 3_600_000), values.slice(from)];
  const [meanX, meanY] = [mean(x), mean(y)];
  const above = x.reduce((sum, each, at) => sum + (each - meanX) * (y[at] - meanY), 0);
  const below = x.reduce((sum, each) => sum + (each - meanX) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

/**
 * The gauges whose last quarter is above their second by more than their slack, in sentences. `slacks` says how much each may grow; a gauge that it does not name is
 * only printed.
 */
export function grown(samples, slacks) {
  return Object.entries(slacks).flatMap(([name, slack]) => {
    const { second, last } = quarters(samples.map(({ gauges }) => gauges[name]));
    return last - second > slack ? [`${name}: from ${second} to ${last}, and ${slack} more were allowed`] : [];
  });
}

/** A line of Markdown for each gauge. */
export function table(samples, unitOf) {
  const times = samples.map(({ at }) => at);
  const row = (name) => {
    const values = samples.map(({ gauges }) => gauges[name]);
    const { second, last } = quarters(values);
    const show = (value) => shown(value, unitOf(name));
    const figures = [values[0], second, last, Math.max(...values)].map(show);
    return `| ${[name, ...figures, `${show(slopePerHour(times, values))} an hour`].join(" | ")} |`;
  };
  return [
    "| | first | second quarter | last quarter | most | slope of the second half |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
    ...Object.keys(samples[0].gauges).map(row),
  ].join("\n");
}

function shown(value, unit) {
  if (unit === "bytes") {
    return Math.abs(value) < 10_000 ? `${Math.round(value)} B` : `${(value / 1e6).toFixed(2)} MB`;
  }
  return String(Math.round(value * 10) / 10);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.ceil(sorted.length / 2) - 1] + sorted[Math.floor(sorted.length / 2)]) / 2;
}

function mean(values) {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}
