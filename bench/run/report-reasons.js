/** Why there is nothing to show of some systems. */

import { parts, workloads } from "./workloads.js";

export function reasons(run) {
  const rows = run.systems.flatMap(({ key, name }) => rowsOf(name, run.results[key].cannot ?? {}));
  if (rows.length === 0) {
    return "";
  }
  return [
    "### What is not measured, and why",
    "",
    'Each "–" in the tables above, but for what does not depend on how many documents there are: that is measured once.',
    "",
    "| system | what | why |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** What has one reason is one row. */
function rowsOf(name, cannot) {
  const byReason = new Map();
  for (const [step, reason] of Object.entries(cannot)) {
    const title = parts[step] ?? usualTitle(step);
    if (title) {
      byReason.set(reason, [...(byReason.get(reason) ?? []), title]);
    }
  }
  return [...byReason].map(([reason, titles]) => `| ${name} | ${titles.join("; ")} | ${reason} |`);
}

function usualTitle(step) {
  const workload = workloads.find((one) => one.step === step);
  return workload && !workload.isApart ? workload.title : null;
}
