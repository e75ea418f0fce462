/** Numbers of a report: the middle of some, and how they are written. */

export function shown(value, unit) {
  if (unit === "bytes") {
    return value >= 1e6
      ? `${(value / 1e6).toPrecision(3)} MB`
      : value >= 1e4
        ? `${Math.round(value / 1e3)} KB`
        : `${Math.round(value)} B`;
  }
  if (value >= 1_000) {
    return `${(value / 1_000).toPrecision(3)} s`;
  }
  return value >= 1 ? `${value.toPrecision(3)} ms` : `${Math.round(value * 1_000)} us`;
}

export function ratio(value) {
  return value >= 10 ? `${Math.round(value)}x` : `${value.toPrecision(2)}x`;
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}

export function percentile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
