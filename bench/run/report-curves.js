/** What one document or one call costs as there are more of them: Ashore's beside IndexedDB's. */

import { ratio, shown } from "./figures.js";
import { shapeOf, titleOf } from "./shapes.js";
import { workloads } from "./workloads.js";

const REFERENCE = "indexeddb";

export function curves(run) {
  const shapes = run.shapes.filter((shape) => shapeOf(shape).bytes === null);
  const systems = run.systems.filter(({ key }) => key === REFERENCE || run.ours.some((own) => own.key === key));
  const rows = workloads.flatMap((workload) => systems.flatMap((system) => rowOf(run, { workload, system, shapes })));
  if (rows.length === 0) {
    return "";
  }
  return [
    "### Costs as there are more",
    "",
    "Of each document where a workload is about all of them, otherwise of each call or start; and the last of a row by its first. 1x: it costs the same however many there are.",
    "",
    `| workload | system | ${shapes.map((shape) => titleOf(shapeOf(shape))).join(" | ")} | last by first |`,
    `| --- | --- |${shapes.map(() => " ---: |").join("")} ---: |`,
    ...rows,
    "",
  ].join("\n");
}

/** None where there are not two to compare. */
function rowOf(run, { workload, system, shapes }) {
  const costs = shapes.map((shape) => {
    const figure = run.figure(system.key, shape, workload.step);
    return figure && { cost: figure.middle / (workload.per ? figure.documents : 1), unit: figure.unit };
  });
  const known = costs.filter(Boolean);
  if (known.length < 2) {
    return [];
  }
  const cells = costs.map((found) => (found ? shown(found.cost, found.unit) : "–"));
  return [
    `| ${workload.title} | ${system.name} | ${cells.join(" | ")} | ${ratio(known.at(-1).cost / known[0].cost)} |`,
  ];
}
